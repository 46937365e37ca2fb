-- Keys with limits of their own, OIDC identities of consumers, and uploaded
-- certificates.

-- +goose Up
-- `limits` is JSON, empty for none; `limits_of` is the kid under which they are
-- counted, 0 for the key's own: a rotated key and its successor share what is left.
ALTER TABLE api_keys ADD COLUMN limits text NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN limits_of integer NOT NULL DEFAULT 0;
CREATE INDEX api_keys_limits_of ON api_keys (limits_of) WHERE limits_of <> 0;

-- An identity is published like a key: its kid is made of gateway, issuer and
-- subject, its hash is compared by edges. A row stays when the identity is taken
-- away, since its version must go on rising if it comes back.
CREATE TABLE consumer_identities (
    kid             integer PRIMARY KEY,
    shard           integer NOT NULL,
    organization_id text NOT NULL,
    gateway_id      text NOT NULL,
    consumer_id     text NOT NULL,
    issuer          text NOT NULL,
    subject         text NOT NULL,
    hash            blob NOT NULL,
    pepper          integer NOT NULL,
    state           integer NOT NULL,
    version         integer NOT NULL,
    created_at      integer NOT NULL,
    updated_at      integer NOT NULL,
    UNIQUE (gateway_id, issuer, subject),
    FOREIGN KEY (organization_id, gateway_id) REFERENCES gateways (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX consumer_identities_consumer ON consumer_identities (consumer_id);
CREATE INDEX consumer_identities_shard ON consumer_identities (shard);

-- `sealed` opens with a key of the control plane only, `edge_sealed` is the same
-- private key as it stands in documents.
CREATE TABLE gateway_certificates (
    id              text PRIMARY KEY,
    organization_id text NOT NULL,
    gateway_id      text NOT NULL,
    name            text NOT NULL,
    hosts           text NOT NULL,
    chain_pem       text NOT NULL,
    sealed          blob NOT NULL,
    edge_sealed     blob NOT NULL,
    revision        integer NOT NULL,
    created_at      integer NOT NULL,
    updated_at      integer NOT NULL,
    UNIQUE (gateway_id, name),
    FOREIGN KEY (organization_id, gateway_id) REFERENCES gateways (organization_id, id) ON DELETE CASCADE
);

-- +goose Down
DROP TABLE gateway_certificates;
DROP TABLE consumer_identities;
DROP INDEX api_keys_limits_of;
ALTER TABLE api_keys DROP COLUMN limits_of;
ALTER TABLE api_keys DROP COLUMN limits;
