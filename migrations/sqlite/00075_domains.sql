-- Custom domains with the proof of their control and their certificates by ACME.

-- +goose Up
CREATE TABLE gateway_domains (
    id               text PRIMARY KEY,
    organization_id  text NOT NULL,
    gateway_id       text NOT NULL,
    host             text NOT NULL,
    state            text NOT NULL,
    nonce            text NOT NULL,
    problem          text NOT NULL,
    checked_at       integer NOT NULL DEFAULT 0,
    verified_at      integer NOT NULL DEFAULT 0,
    failing_since    integer NOT NULL DEFAULT 0,
    next_check_at    integer NOT NULL DEFAULT 0,
    automatic        integer NOT NULL DEFAULT 0,
    cert_problem     text NOT NULL DEFAULT '',
    cert_attempts    integer NOT NULL DEFAULT 0,
    cert_next_at     integer NOT NULL DEFAULT 0,
    cert_started_at  integer NOT NULL DEFAULT 0,
    -- Who orders the certificate, and until when nobody else does.
    cert_holder      text NOT NULL DEFAULT '',
    cert_held_until  integer NOT NULL DEFAULT 0,
    cert_chain_pem   text NOT NULL DEFAULT '',
    cert_edge_sealed blob,
    cert_issued_at   integer NOT NULL DEFAULT 0,
    cert_not_after   integer NOT NULL DEFAULT 0,
    revision         integer NOT NULL,
    created_at       integer NOT NULL,
    updated_at       integer NOT NULL,
    UNIQUE (gateway_id, host),
    FOREIGN KEY (organization_id, gateway_id) REFERENCES gateways (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX gateway_domains_check ON gateway_domains (next_check_at) WHERE next_check_at > 0;
CREATE INDEX gateway_domains_order ON gateway_domains (cert_next_at) WHERE cert_next_at > 0;

-- A proven host is one domain's alone, over all organizations, and stays its
-- organization's for some time after it was given up (`reserved_until`, 0: in use).
CREATE TABLE domain_hosts (
    host            text PRIMARY KEY,
    organization_id text NOT NULL,
    domain_id       text NOT NULL,
    reserved_until  integer NOT NULL DEFAULT 0
);
CREATE INDEX domain_hosts_domain ON domain_hosts (domain_id);

-- What the ACME client keeps: accounts, keys, certificates. Values are encrypted.
CREATE TABLE acme_storage (
    key         text PRIMARY KEY,
    value       blob NOT NULL,
    size        integer NOT NULL,
    modified_at integer NOT NULL
);
CREATE TABLE acme_locks (
    name       text PRIMARY KEY,
    holder     text NOT NULL,
    held_until integer NOT NULL
);

-- +goose Down
DROP TABLE acme_locks;
DROP TABLE acme_storage;
DROP TABLE domain_hosts;
DROP TABLE gateway_domains;
