-- Signing in: identities of providers, the second factor, and what else an
-- account and an organization can be asked for (name, change of address,
-- deletion). Expands only.

-- +goose Up
ALTER TABLE users ADD COLUMN name text NOT NULL DEFAULT '';
-- When the second factor was turned on; 0: it is off.
ALTER TABLE users ADD COLUMN second_factor_at integer NOT NULL DEFAULT 0;
-- A hint for the portal, not a right: may name an organization that is left.
ALTER TABLE users ADD COLUMN last_organization text NOT NULL DEFAULT '';

-- A deleted organization's row stays: invoices and the ledger refer to it.
ALTER TABLE organizations ADD COLUMN deleted_at integer NOT NULL DEFAULT 0;
ALTER TABLE organizations ADD COLUMN cleared_at integer NOT NULL DEFAULT 0;
CREATE INDEX organizations_deleted ON organizations (deleted_at) WHERE deleted_at > 0 AND cleared_at = 0;

ALTER TABLE sessions ADD COLUMN last_client text NOT NULL DEFAULT '';

-- What a link is about: the new address of a change of address.
ALTER TABLE one_time_links ADD COLUMN data text NOT NULL DEFAULT '';

CREATE TABLE identities (
    id         text PRIMARY KEY,
    user_id    text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    provider   text NOT NULL,
    issuer     text NOT NULL,
    subject    text NOT NULL,
    email      text NOT NULL,
    used_at    integer NOT NULL,
    created_at integer NOT NULL,
    UNIQUE (issuer, subject)
);
CREATE INDEX identities_user ON identities (user_id, id);

-- The secret is sealed; last_step is the newest time step whose code was used,
-- so that no code works twice.
CREATE TABLE totps (
    user_id      text PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    sealed       blob NOT NULL,
    last_step    integer NOT NULL DEFAULT 0,
    confirmed_at integer NOT NULL DEFAULT 0,
    created_at   integer NOT NULL
);

CREATE TABLE recovery_codes (
    user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash    blob NOT NULL,
    PRIMARY KEY (user_id, hash)
);

-- What works once and is not stored while it is good: its key, once it was used.
CREATE TABLE spent (
    key        text PRIMARY KEY,
    expires_at integer NOT NULL
);
CREATE INDEX spent_expires ON spent (expires_at);

-- +goose Down
DROP TABLE spent;
DROP TABLE recovery_codes;
DROP TABLE totps;
DROP TABLE identities;
ALTER TABLE one_time_links DROP COLUMN data;
ALTER TABLE sessions DROP COLUMN last_client;
DROP INDEX organizations_deleted;
ALTER TABLE organizations DROP COLUMN cleared_at;
ALTER TABLE organizations DROP COLUMN deleted_at;
ALTER TABLE users DROP COLUMN last_organization;
ALTER TABLE users DROP COLUMN second_factor_at;
ALTER TABLE users DROP COLUMN name;
