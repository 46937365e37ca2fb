-- Streams: listeners below HTTP. Their numbers begin far behind those of routes,
-- with which they share a dimension of usage.

-- +goose Up
CREATE TABLE streams (
    num             integer PRIMARY KEY AUTOINCREMENT,
    id              text NOT NULL UNIQUE,
    organization_id text NOT NULL,
    gateway_id      text NOT NULL,
    name            text NOT NULL,
    document        text NOT NULL,
    revision        integer NOT NULL,
    created_at      integer NOT NULL,
    updated_at      integer NOT NULL,
    search          text NOT NULL DEFAULT '',
    tags            text NOT NULL DEFAULT '',
    UNIQUE (gateway_id, name),
    FOREIGN KEY (organization_id, gateway_id) REFERENCES gateways (organization_id, id) ON DELETE CASCADE
);
INSERT INTO sqlite_sequence (name, seq) VALUES ('streams', 1099511627775);

-- Ports of streams are unique over all organizations; one that is given up stays
-- reserved for its organization for a while, since its clients may still come. A
-- reserved port outlives its gateway.
CREATE TABLE stream_ports (
    transport       text NOT NULL CHECK (transport IN ('tcp', 'udp')),
    port            integer NOT NULL CHECK (port BETWEEN 1 AND 65535),
    organization_id text NOT NULL,
    gateway_id      text NOT NULL,
    reserved_until  integer NOT NULL DEFAULT 0,
    PRIMARY KEY (transport, port)
);
CREATE INDEX stream_ports_gateway ON stream_ports (gateway_id);

-- +goose Down
DROP TABLE stream_ports;
DROP TABLE streams;
