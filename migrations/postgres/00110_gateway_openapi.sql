-- A gateway's OpenAPI document, as it was uploaded.

-- +goose Up
CREATE TABLE gateway_openapi (
    gateway_id      text PRIMARY KEY,
    organization_id text NOT NULL,
    document        text NOT NULL,
    FOREIGN KEY (organization_id, gateway_id) REFERENCES gateways (organization_id, id) ON DELETE CASCADE
);

-- +goose Down
DROP TABLE gateway_openapi;
