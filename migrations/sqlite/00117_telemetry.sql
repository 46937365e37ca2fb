-- Where organizations have their telemetry sent, and what came of it. Every time is
-- Unix milliseconds (UTC). `secret` are the header fields, sealed. `position` is the
-- id of the last access log record that was dealt with, -1 before the first turn; up
-- to `horizon` no more can appear.

-- +goose Up
CREATE TABLE telemetry_destinations (
    id              text PRIMARY KEY,
    organization_id text NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    name            text NOT NULL,
    document        text NOT NULL,
    secret          blob,
    revision        integer NOT NULL,
    created_at      integer NOT NULL,
    updated_at      integer NOT NULL,
    UNIQUE (organization_id, name)
);
CREATE TABLE telemetry_states (
    destination_id text PRIMARY KEY REFERENCES telemetry_destinations (id) ON DELETE CASCADE,
    next_at        integer NOT NULL,
    position       integer NOT NULL DEFAULT -1,
    horizon        integer NOT NULL DEFAULT 0,
    horizon_at     integer NOT NULL DEFAULT 0,
    metrics_at     integer NOT NULL DEFAULT 0,
    last_success   integer NOT NULL DEFAULT 0,
    last_failure   integer NOT NULL DEFAULT 0,
    error          text NOT NULL DEFAULT '',
    status_code    integer NOT NULL DEFAULT 0,
    failures       integer NOT NULL DEFAULT 0,
    sent           integer NOT NULL DEFAULT 0,
    dropped        integer NOT NULL DEFAULT 0
);
CREATE INDEX telemetry_states_due ON telemetry_states (next_at);
CREATE INDEX access_logs_organization ON access_logs (organization, id);

-- +goose Down
DROP INDEX access_logs_organization;
DROP TABLE telemetry_states;
DROP TABLE telemetry_destinations;
