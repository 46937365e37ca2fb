-- Developer portals: pages of a gateway on which the people who call it look
-- after their own keys. Accounts belong to one gateway; a row that belongs to one
-- refers to it together with its organization. Every time is Unix milliseconds.

-- +goose Up
CREATE TABLE developer_portals (
    gateway_id      text PRIMARY KEY,
    organization_id text NOT NULL,
    published       boolean NOT NULL,
    settings        text NOT NULL,
    logo            blob,
    document        blob,
    revision        integer NOT NULL,
    created_at      integer NOT NULL,
    updated_at      integer NOT NULL,
    FOREIGN KEY (organization_id, gateway_id) REFERENCES gateways (organization_id, id) ON DELETE CASCADE
);

-- A developer with a usage plan is a consumer of the gateway.
CREATE TABLE developers (
    id              text PRIMARY KEY,
    organization_id text NOT NULL,
    gateway_id      text NOT NULL,
    email           text NOT NULL,
    email_key       text NOT NULL,
    name            text NOT NULL,
    password_hash   text NOT NULL,
    verified_at     integer NOT NULL DEFAULT 0,
    consumer_id     text REFERENCES consumers (id) ON DELETE SET NULL,
    revision        integer NOT NULL,
    created_at      integer NOT NULL,
    updated_at      integer NOT NULL,
    UNIQUE (gateway_id, email_key),
    UNIQUE (organization_id, id),
    FOREIGN KEY (organization_id, gateway_id) REFERENCES gateways (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX developers_gateway ON developers (gateway_id, id);
CREATE INDEX developers_consumer ON developers (consumer_id);
CREATE INDEX developers_unverified ON developers (created_at) WHERE verified_at = 0;

CREATE TABLE developer_applications (
    id              text PRIMARY KEY,
    organization_id text NOT NULL,
    gateway_id      text NOT NULL,
    developer_id    text NOT NULL,
    usage_plan      text NOT NULL,
    message         text NOT NULL,
    state           text NOT NULL CHECK (state IN ('pending', 'approved', 'refused')),
    reason          text NOT NULL DEFAULT '',
    decided_by      text NOT NULL DEFAULT '',
    decided_at      integer NOT NULL DEFAULT 0,
    created_at      integer NOT NULL,
    FOREIGN KEY (organization_id, developer_id) REFERENCES developers (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX developer_applications_gateway ON developer_applications (gateway_id, state, id);
CREATE INDEX developer_applications_developer ON developer_applications (developer_id, id);
-- One open application a developer.
CREATE UNIQUE INDEX developer_applications_open ON developer_applications (developer_id) WHERE state = 'pending';

CREATE TABLE developer_sessions (
    hash            blob PRIMARY KEY,
    id              text NOT NULL UNIQUE,
    organization_id text NOT NULL,
    gateway_id      text NOT NULL,
    developer_id    text NOT NULL,
    client          text NOT NULL,
    user_agent      text NOT NULL,
    expires_at      integer NOT NULL,
    seen_at         integer NOT NULL,
    created_at      integer NOT NULL,
    FOREIGN KEY (organization_id, developer_id) REFERENCES developers (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX developer_sessions_developer ON developer_sessions (developer_id);
CREATE INDEX developer_sessions_expires ON developer_sessions (expires_at);

CREATE TABLE developer_links (
    hash            blob PRIMARY KEY,
    kind            text NOT NULL,
    organization_id text NOT NULL,
    gateway_id      text NOT NULL,
    developer_id    text NOT NULL,
    expires_at      integer NOT NULL,
    FOREIGN KEY (organization_id, developer_id) REFERENCES developers (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX developer_links_developer ON developer_links (developer_id, kind);
CREATE INDEX developer_links_expires ON developer_links (expires_at);

-- +goose Down
DROP TABLE developer_links;
DROP TABLE developer_sessions;
DROP TABLE developer_applications;
DROP TABLE developers;
DROP TABLE developer_portals;
