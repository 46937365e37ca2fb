-- Gateways: configuration, its history, consumers, API keys, and what the
-- publisher needs: the outbox, its own state and the signed documents.
-- What belongs to a gateway refers to it together with its organization, so that
-- no row can stand under another tenant's.
-- Every time is Unix milliseconds (UTC). `num` is the numeric identity that edges
-- and counters use; it is never used twice.

-- +goose Up
CREATE TABLE gateways (
    num             integer PRIMARY KEY AUTOINCREMENT,
    id              text NOT NULL UNIQUE,
    organization_id text NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    name            text NOT NULL,
    label           text NOT NULL,
    mode            text NOT NULL CHECK (mode IN ('live', 'test')),
    settings        text NOT NULL,
    policies        text NOT NULL,
    version         integer NOT NULL,
    deleted_at      integer NOT NULL DEFAULT 0,
    created_at      integer NOT NULL,
    updated_at      integer NOT NULL,
    UNIQUE (organization_id, id)
);
CREATE UNIQUE INDEX gateways_name ON gateways (organization_id, name) WHERE deleted_at = 0;
CREATE INDEX gateways_deleted ON gateways (deleted_at) WHERE deleted_at > 0;

-- Host labels are unique over all organizations and stay reserved for a while
-- after their gateway is gone.
CREATE TABLE gateway_labels (
    label          text PRIMARY KEY,
    gateway_id     text NOT NULL,
    reserved_until integer NOT NULL DEFAULT 0
);

CREATE TABLE upstreams (
    num             integer PRIMARY KEY AUTOINCREMENT,
    id              text NOT NULL UNIQUE,
    organization_id text NOT NULL,
    gateway_id      text NOT NULL,
    name            text NOT NULL,
    document        text NOT NULL,
    revision        integer NOT NULL,
    created_at      integer NOT NULL,
    updated_at      integer NOT NULL,
    UNIQUE (gateway_id, name),
    FOREIGN KEY (organization_id, gateway_id) REFERENCES gateways (organization_id, id) ON DELETE CASCADE
);

CREATE TABLE routes (
    num             integer PRIMARY KEY AUTOINCREMENT,
    id              text NOT NULL UNIQUE,
    organization_id text NOT NULL,
    gateway_id      text NOT NULL,
    name            text NOT NULL,
    document        text NOT NULL,
    revision        integer NOT NULL,
    created_at      integer NOT NULL,
    updated_at      integer NOT NULL,
    UNIQUE (gateway_id, name),
    FOREIGN KEY (organization_id, gateway_id) REFERENCES gateways (organization_id, id) ON DELETE CASCADE
);

CREATE TABLE usage_plans (
    num             integer PRIMARY KEY AUTOINCREMENT,
    id              text NOT NULL UNIQUE,
    organization_id text NOT NULL,
    gateway_id      text NOT NULL,
    name            text NOT NULL,
    document        text NOT NULL,
    revision        integer NOT NULL,
    created_at      integer NOT NULL,
    updated_at      integer NOT NULL,
    UNIQUE (gateway_id, name),
    FOREIGN KEY (organization_id, gateway_id) REFERENCES gateways (organization_id, id) ON DELETE CASCADE
);

-- `sealed` opens with a key of the control plane only, `edge_sealed` is the same
-- value as it stands in documents.
CREATE TABLE secrets (
    id              text PRIMARY KEY,
    organization_id text NOT NULL,
    gateway_id      text NOT NULL,
    name            text NOT NULL,
    sealed          blob NOT NULL,
    edge_sealed     blob NOT NULL,
    revision        integer NOT NULL,
    created_at      integer NOT NULL,
    updated_at      integer NOT NULL,
    UNIQUE (gateway_id, name),
    FOREIGN KEY (organization_id, gateway_id) REFERENCES gateways (organization_id, id) ON DELETE CASCADE
);

-- History: each version holds what it changed; every so often, and where the
-- change is large, also the whole document (both compressed).
CREATE TABLE gateway_versions (
    gateway_id      text NOT NULL,
    version         integer NOT NULL,
    organization_id text NOT NULL,
    author_kind     text NOT NULL,
    author_id       text NOT NULL,
    author_name     text NOT NULL,
    summary         text NOT NULL,
    restored_from   integer NOT NULL DEFAULT 0,
    delta           blob NOT NULL,
    document        blob,
    created_at      integer NOT NULL,
    PRIMARY KEY (gateway_id, version),
    FOREIGN KEY (organization_id, gateway_id) REFERENCES gateways (organization_id, id) ON DELETE CASCADE
);

CREATE TABLE consumers (
    num             integer PRIMARY KEY AUTOINCREMENT,
    id              text NOT NULL UNIQUE,
    organization_id text NOT NULL,
    gateway_id      text NOT NULL,
    name            text NOT NULL,
    usage_plan_id   text REFERENCES usage_plans (id),
    metadata        text NOT NULL,
    revision        integer NOT NULL,
    created_at      integer NOT NULL,
    updated_at      integer NOT NULL,
    UNIQUE (gateway_id, name),
    FOREIGN KEY (organization_id, gateway_id) REFERENCES gateways (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX consumers_usage_plan ON consumers (usage_plan_id);

-- `kid` is the key's number and, in base 62, its public part; the secret is
-- stored only as an HMAC under a pepper that is not in the database. A key stays
-- for a while after its consumer is gone, so that edges learn that it ended.
CREATE TABLE api_keys (
    kid             integer PRIMARY KEY,
    shard           integer NOT NULL,
    organization_id text NOT NULL,
    gateway_id      text NOT NULL,
    consumer_id     text NOT NULL,
    usage_plan_id   text REFERENCES usage_plans (id),
    name            text NOT NULL,
    test            boolean NOT NULL,
    hash            blob NOT NULL,
    pepper          integer NOT NULL,
    scopes          text NOT NULL,
    state           integer NOT NULL,
    not_before      integer NOT NULL DEFAULT 0,
    expires_at      integer NOT NULL DEFAULT 0,
    revoked_at      integer NOT NULL DEFAULT 0,
    rotated_to      integer NOT NULL DEFAULT 0,
    version         integer NOT NULL,
    created_by      text NOT NULL,
    created_at      integer NOT NULL,
    updated_at      integer NOT NULL,
    FOREIGN KEY (organization_id, gateway_id) REFERENCES gateways (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX api_keys_gateway ON api_keys (gateway_id, created_at, kid);
CREATE INDEX api_keys_consumer ON api_keys (consumer_id);
CREATE INDEX api_keys_usage_plan ON api_keys (usage_plan_id);
CREATE INDEX api_keys_organization ON api_keys (organization_id, state, expires_at);
CREATE INDEX api_keys_shard ON api_keys (shard);

-- What has to be published, written in the transaction of the change. A row gets
-- its revision (rev) from the publisher and is sent when `sent_at` is set.
CREATE TABLE outbox (
    id              integer PRIMARY KEY AUTOINCREMENT,
    kind            text NOT NULL,
    ref             text NOT NULL,
    kid             integer NOT NULL DEFAULT 0,
    organization_id text NOT NULL,
    gateway_id      text NOT NULL,
    version         integer NOT NULL,
    created_at      integer NOT NULL,
    rev             integer NOT NULL DEFAULT 0,
    sent_at         integer NOT NULL DEFAULT 0
);
CREATE INDEX outbox_waiting ON outbox (id) WHERE sent_at = 0;
CREATE INDEX outbox_sent ON outbox (sent_at) WHERE sent_at > 0;
CREATE INDEX outbox_ref ON outbox (ref, version);

-- The one row of the publisher: who leads and until when, the fencing epoch, the
-- newest revision, and the lineage that documents in Redis belong to.
CREATE TABLE publisher (
    id          integer PRIMARY KEY CHECK (id = 1),
    holder      text NOT NULL DEFAULT '',
    lease_until integer NOT NULL DEFAULT 0,
    epoch       integer NOT NULL DEFAULT 0,
    rev         integer NOT NULL DEFAULT 0,
    lineage     text NOT NULL DEFAULT '',
    issued      integer NOT NULL DEFAULT 0,
    built_by    text NOT NULL DEFAULT ''
);
INSERT INTO publisher (id) VALUES (1);

-- Signed documents as they stand, or are about to stand, in Redis: an emptied
-- Redis is filled from here, and the index's digests are kept from here.
CREATE TABLE published (
    ref        text PRIMARY KEY,
    kind       text NOT NULL,
    version    integer NOT NULL,
    rev        integer NOT NULL,
    entry      text NOT NULL,
    document   blob NOT NULL,
    changed_at integer NOT NULL
);

-- Why a gateway's or organization's newest version could not be published.
CREATE TABLE publish_failures (
    ref      text PRIMARY KEY,
    version  integer NOT NULL,
    reason   text NOT NULL,
    since    integer NOT NULL,
    attempts integer NOT NULL,
    retry_at integer NOT NULL
);

-- +goose Down
DROP TABLE publish_failures;
DROP TABLE published;
DROP TABLE publisher;
DROP TABLE outbox;
DROP TABLE api_keys;
DROP TABLE consumers;
DROP TABLE gateway_versions;
DROP TABLE secrets;
DROP TABLE usage_plans;
DROP TABLE routes;
DROP TABLE upstreams;
DROP TABLE gateway_labels;
DROP TABLE gateways;
