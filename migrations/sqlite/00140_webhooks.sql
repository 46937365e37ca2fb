-- Outgoing webhooks: who is told what happens to a gateway, what is on its way, and
-- what came of it. Every time is Unix milliseconds (UTC); 0 is never. Secrets are
-- sealed. `events` are types between spaces, or " * ".

-- +goose Up
CREATE TABLE webhooks (
    id              text PRIMARY KEY,
    organization_id text NOT NULL,
    gateway_id      text NOT NULL,
    name            text NOT NULL,
    description     text NOT NULL,
    enabled         boolean NOT NULL,
    disabled_reason text NOT NULL DEFAULT '',
    disabled_at     integer NOT NULL DEFAULT 0,
    url             text NOT NULL,
    events          text NOT NULL,
    secret          blob NOT NULL,
    old_secret      blob,
    old_until       integer NOT NULL DEFAULT 0,
    revision        integer NOT NULL,
    created_at      integer NOT NULL,
    updated_at      integer NOT NULL,
    UNIQUE (gateway_id, name),
    FOREIGN KEY (organization_id, gateway_id) REFERENCES gateways (organization_id, id) ON DELETE CASCADE
);

-- `holder` serves the webhook until `lease_until`; `served_at` is when it last had its
-- turn.
CREATE TABLE webhook_states (
    webhook_id    text PRIMARY KEY REFERENCES webhooks (id) ON DELETE CASCADE,
    holder        text NOT NULL DEFAULT '',
    lease_until   integer NOT NULL DEFAULT 0,
    served_at     integer NOT NULL DEFAULT 0,
    last_success  integer NOT NULL DEFAULT 0,
    last_failure  integer NOT NULL DEFAULT 0,
    error         text NOT NULL DEFAULT '',
    status_code   integer NOT NULL DEFAULT 0,
    failures      integer NOT NULL DEFAULT 0,
    failing_since integer NOT NULL DEFAULT 0,
    delivered     integer NOT NULL DEFAULT 0,
    dropped       integer NOT NULL DEFAULT 0
);

-- An event on its way to one webhook; `id` is the event's.
CREATE TABLE webhook_deliveries (
    webhook_id      text NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    id              text NOT NULL,
    organization_id text NOT NULL,
    type            text NOT NULL,
    body            blob NOT NULL,
    state           text NOT NULL,
    attempts        integer NOT NULL DEFAULT 0,
    status_code     integer NOT NULL DEFAULT 0,
    error           text NOT NULL DEFAULT '',
    answer          text NOT NULL DEFAULT '',
    took_us         integer NOT NULL DEFAULT 0,
    created_at      integer NOT NULL,
    last_at         integer NOT NULL DEFAULT 0,
    next_at         integer NOT NULL DEFAULT 0,
    PRIMARY KEY (webhook_id, id)
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, next_at) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_created ON webhook_deliveries (created_at);

-- What was told to end soon, and when.
CREATE TABLE webhook_endings (
    gateway_id text NOT NULL REFERENCES gateways (id) ON DELETE CASCADE,
    ref        text NOT NULL,
    ends_at    integer NOT NULL,
    PRIMARY KEY (gateway_id, ref)
);

-- +goose Down
DROP TABLE webhook_endings;
DROP TABLE webhook_deliveries;
DROP TABLE webhook_states;
DROP TABLE webhooks;
