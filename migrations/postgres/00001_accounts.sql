-- Accounts: organizations, users, members, invitations, management tokens,
-- sessions, one-time links, mail queue, throttles, idempotency and audit.
-- Every time is Unix milliseconds (UTC); every id is "<prefix>_<base32 UUIDv7>",
-- so that ordering by id is ordering by creation.

-- +goose Up
CREATE TABLE organizations (
    id               text PRIMARY KEY,
    num              bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    name             text NOT NULL,
    plan             text NOT NULL,
    plan_since       bigint NOT NULL,
    period_start     bigint NOT NULL,
    period_end       bigint NOT NULL,
    verified         boolean NOT NULL DEFAULT false,
    suspended        boolean NOT NULL DEFAULT false,
    strict_freshness boolean NOT NULL DEFAULT false,
    revision         bigint NOT NULL DEFAULT 1,
    created_at       bigint NOT NULL,
    updated_at       bigint NOT NULL
);
CREATE INDEX organizations_period_end ON organizations (period_end);

CREATE TABLE users (
    id            text PRIMARY KEY,
    email         text NOT NULL,
    email_key     text NOT NULL UNIQUE,
    password_hash text NOT NULL,
    verified_at   bigint NOT NULL DEFAULT 0,
    revision      bigint NOT NULL DEFAULT 1,
    created_at    bigint NOT NULL,
    updated_at    bigint NOT NULL
);

CREATE TABLE members (
    id              text PRIMARY KEY,
    organization_id text NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    user_id         text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role            text NOT NULL CHECK (role IN ('owner', 'admin', 'developer', 'billing', 'viewer')),
    revision        bigint NOT NULL DEFAULT 1,
    created_at      bigint NOT NULL,
    updated_at      bigint NOT NULL,
    UNIQUE (organization_id, user_id)
);
CREATE INDEX members_user ON members (user_id);

CREATE TABLE invitations (
    id              text PRIMARY KEY,
    organization_id text NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    email           text NOT NULL,
    email_key       text NOT NULL,
    role            text NOT NULL,
    token_hash      bytea NOT NULL UNIQUE,
    invited_by      text NOT NULL,
    expires_at      bigint NOT NULL,
    created_at      bigint NOT NULL,
    UNIQUE (organization_id, email_key)
);

CREATE TABLE tokens (
    id              text PRIMARY KEY,
    organization_id text NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    user_id         text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kid             bigint NOT NULL UNIQUE,
    hash            bytea NOT NULL,
    name            text NOT NULL,
    scopes          text NOT NULL,
    expires_at      bigint NOT NULL DEFAULT 0,
    used_at         bigint NOT NULL DEFAULT 0,
    created_at      bigint NOT NULL,
    updated_at      bigint NOT NULL
);
CREATE INDEX tokens_organization ON tokens (organization_id, id);

CREATE TABLE sessions (
    token_hash text PRIMARY KEY,
    id         text NOT NULL UNIQUE,
    user_id    text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    data       bytea NOT NULL,
    client     text NOT NULL,
    user_agent text NOT NULL,
    expires_at bigint NOT NULL,
    seen_at    bigint NOT NULL,
    created_at bigint NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id, id);
CREATE INDEX sessions_expires ON sessions (expires_at);

-- Links in mails: only a hash is kept, and each works once.
CREATE TABLE one_time_links (
    hash       bytea PRIMARY KEY,
    kind       text NOT NULL,
    user_id    text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires_at bigint NOT NULL
);
CREATE INDEX one_time_links_user ON one_time_links (user_id, kind);
CREATE INDEX one_time_links_expires ON one_time_links (expires_at);

-- The text of a mail may hold a link, so it is sealed, and emptied once sent.
CREATE TABLE mails (
    id         text PRIMARY KEY,
    sealed     bytea NOT NULL,
    attempts   bigint NOT NULL DEFAULT 0,
    next_at    bigint NOT NULL,
    last_error text NOT NULL DEFAULT '',
    created_at bigint NOT NULL
);
CREATE INDEX mails_next ON mails (next_at);

CREATE TABLE throttles (
    key        text PRIMARY KEY,
    failures   bigint NOT NULL,
    next_at    bigint NOT NULL,
    expires_at bigint NOT NULL
);
CREATE INDEX throttles_expires ON throttles (expires_at);

CREATE TABLE idempotency (
    key        text PRIMARY KEY,
    digest     text NOT NULL,
    status     bigint NOT NULL DEFAULT 0,
    headers    text NOT NULL DEFAULT '',
    body       bytea NOT NULL DEFAULT '',
    locked_until bigint NOT NULL,
    expires_at bigint NOT NULL
);
CREATE INDEX idempotency_expires ON idempotency (expires_at);

CREATE TABLE audit (
    id              text PRIMARY KEY,
    organization_id text NOT NULL,
    at              bigint NOT NULL,
    actor_kind      text NOT NULL,
    actor_id        text NOT NULL,
    actor_name      text NOT NULL,
    action          text NOT NULL,
    resource_type   text NOT NULL,
    resource_id     text NOT NULL,
    resource_name   text NOT NULL,
    gateway_id      text NOT NULL,
    detail          text NOT NULL,
    request_id      text NOT NULL,
    client          text NOT NULL,
    idempotency     text
);
CREATE INDEX audit_organization ON audit (organization_id, id);
CREATE INDEX audit_resource ON audit (organization_id, resource_id, id);
-- One change per Idempotency-Key, whatever dies between the commit and the answer.
CREATE UNIQUE INDEX audit_idempotency ON audit (idempotency) WHERE idempotency IS NOT NULL;

-- +goose Down
DROP TABLE audit;
DROP TABLE idempotency;
DROP TABLE throttles;
DROP TABLE mails;
DROP TABLE one_time_links;
DROP TABLE sessions;
DROP TABLE tokens;
DROP TABLE invitations;
DROP TABLE members;
DROP TABLE users;
DROP TABLE organizations;
