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
    disabled_at     bigint NOT NULL DEFAULT 0,
    url             text NOT NULL,
    events          text NOT NULL,
    secret          bytea NOT NULL,
    old_secret      bytea,
    old_until       bigint NOT NULL DEFAULT 0,
    revision        bigint NOT NULL,
    created_at      bigint NOT NULL,
    updated_at      bigint NOT NULL,
    UNIQUE (gateway_id, name),
    FOREIGN KEY (organization_id, gateway_id) REFERENCES gateways (organization_id, id) ON DELETE CASCADE
);

-- `holder` serves the webhook until `lease_until`; `served_at` is when it last had its
-- turn.
CREATE TABLE webhook_states (
    webhook_id    text PRIMARY KEY REFERENCES webhooks (id) ON DELETE CASCADE,
    holder        text NOT NULL DEFAULT '',
    lease_until   bigint NOT NULL DEFAULT 0,
    served_at     bigint NOT NULL DEFAULT 0,
    last_success  bigint NOT NULL DEFAULT 0,
    last_failure  bigint NOT NULL DEFAULT 0,
    error         text NOT NULL DEFAULT '',
    status_code   bigint NOT NULL DEFAULT 0,
    failures      bigint NOT NULL DEFAULT 0,
    failing_since bigint NOT NULL DEFAULT 0,
    delivered     bigint NOT NULL DEFAULT 0,
    dropped       bigint NOT NULL DEFAULT 0
);

-- An event on its way to one webhook; `id` is the event's.
CREATE TABLE webhook_deliveries (
    webhook_id      text NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    id              text NOT NULL,
    organization_id text NOT NULL,
    type            text NOT NULL,
    body            bytea NOT NULL,
    state           text NOT NULL,
    attempts        bigint NOT NULL DEFAULT 0,
    status_code     bigint NOT NULL DEFAULT 0,
    error           text NOT NULL DEFAULT '',
    answer          text NOT NULL DEFAULT '',
    took_us         bigint NOT NULL DEFAULT 0,
    created_at      bigint NOT NULL,
    last_at         bigint NOT NULL DEFAULT 0,
    next_at         bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (webhook_id, id)
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, next_at) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_created ON webhook_deliveries (created_at);

-- What was told to end soon, and when.
CREATE TABLE webhook_endings (
    gateway_id text NOT NULL REFERENCES gateways (id) ON DELETE CASCADE,
    ref        text NOT NULL,
    ends_at    bigint NOT NULL,
    PRIMARY KEY (gateway_id, ref)
);

-- +goose Down
DROP TABLE webhook_endings;
DROP TABLE webhook_deliveries;
DROP TABLE webhook_states;
DROP TABLE webhooks;
