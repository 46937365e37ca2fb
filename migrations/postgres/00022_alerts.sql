-- Alerts: what is watched, what it has come to, its transitions, and the notices
-- of them that wait or were sent. Every time is Unix milliseconds (UTC).

-- +goose Up
CREATE TABLE alerts (
    id              text PRIMARY KEY,
    organization_id text NOT NULL,
    gateway_id      text NOT NULL,
    name            text NOT NULL,
    document        text NOT NULL,
    secret          bytea,
    revision        bigint NOT NULL,
    created_at      bigint NOT NULL,
    updated_at      bigint NOT NULL,
    UNIQUE (gateway_id, name),
    FOREIGN KEY (organization_id, gateway_id) REFERENCES gateways (organization_id, id) ON DELETE CASCADE
);

-- `version` rises with each write: an evaluation is written only over the state
-- that it was made from. `seq` counts transitions.
CREATE TABLE alert_states (
    alert_id     text PRIMARY KEY REFERENCES alerts (id) ON DELETE CASCADE,
    status       text NOT NULL,
    since        bigint NOT NULL,
    value        double precision,
    subject      text NOT NULL DEFAULT '',
    detail       text NOT NULL DEFAULT '',
    evaluated_at bigint NOT NULL DEFAULT 0,
    next_at      bigint NOT NULL,
    seq          bigint NOT NULL DEFAULT 0,
    version      bigint NOT NULL DEFAULT 0
);
CREATE INDEX alert_states_due ON alert_states (next_at);

-- A transition has its number in `seq`; a test has none.
CREATE TABLE alert_events (
    id              text PRIMARY KEY,
    alert_id        text NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    organization_id text NOT NULL,
    seq             bigint,
    transition      text NOT NULL,
    value           double precision NOT NULL,
    threshold       double precision NOT NULL,
    detail          text NOT NULL,
    at              bigint NOT NULL,
    UNIQUE (alert_id, seq)
);
CREATE INDEX alert_events_alert ON alert_events (alert_id, id);
CREATE INDEX alert_events_at ON alert_events (at);

CREATE TABLE alert_deliveries (
    id              text PRIMARY KEY,
    alert_id        text NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    organization_id text NOT NULL,
    event_id        text NOT NULL REFERENCES alert_events (id) ON DELETE CASCADE,
    transition      text NOT NULL,
    channel         text NOT NULL,
    target          text NOT NULL,
    subject         text NOT NULL,
    body            bytea NOT NULL,
    state           text NOT NULL,
    attempts        bigint NOT NULL DEFAULT 0,
    status_code     bigint NOT NULL DEFAULT 0,
    error           text NOT NULL DEFAULT '',
    next_at         bigint NOT NULL,
    sent_at         bigint NOT NULL DEFAULT 0,
    created_at      bigint NOT NULL,
    UNIQUE (event_id, channel, target)
);
CREATE INDEX alert_deliveries_alert ON alert_deliveries (alert_id, id);
CREATE INDEX alert_deliveries_due ON alert_deliveries (next_at) WHERE state = 'waiting';

-- +goose Down
DROP TABLE alert_deliveries;
DROP TABLE alert_events;
DROP TABLE alert_states;
DROP TABLE alerts;
