-- Streams: listeners below HTTP. Their numbers begin far behind those of routes,
-- with which they share a dimension of usage.

-- +goose Up
CREATE TABLE streams (
    num             bigint GENERATED ALWAYS AS IDENTITY (START WITH 1099511627776) UNIQUE,
    id              text PRIMARY KEY,
    organization_id text NOT NULL,
    gateway_id      text NOT NULL,
    name            text NOT NULL,
    document        text NOT NULL,
    revision        bigint NOT NULL,
    created_at      bigint NOT NULL,
    updated_at      bigint NOT NULL,
    search          text NOT NULL DEFAULT '',
    tags            text NOT NULL DEFAULT '',
    UNIQUE (gateway_id, name),
    FOREIGN KEY (organization_id, gateway_id) REFERENCES gateways (organization_id, id) ON DELETE CASCADE
);

-- Ports of streams are unique over all organizations; one that is given up stays
-- reserved for its organization for a while, since its clients may still come. A
-- reserved port outlives its gateway.
CREATE TABLE stream_ports (
    transport       text NOT NULL CHECK (transport IN ('tcp', 'udp')),
    port            bigint NOT NULL CHECK (port BETWEEN 1 AND 65535),
    organization_id text NOT NULL,
    gateway_id      text NOT NULL,
    reserved_until  bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (transport, port)
);
CREATE INDEX stream_ports_gateway ON stream_ports (gateway_id);

-- +goose Down
DROP TABLE stream_ports;
DROP TABLE streams;
