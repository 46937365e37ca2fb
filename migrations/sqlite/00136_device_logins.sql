-- Sign-ins of command lines that wait for a person (RFC 8628), each until it is
-- collected or expires. Both codes are kept as hashes; no token is kept here: it
-- is made when it is collected.

-- +goose Up
CREATE TABLE device_logins (
    device_hash      blob PRIMARY KEY,
    user_hash        blob NOT NULL UNIQUE,
    host             text NOT NULL,
    client           text NOT NULL,
    poll_seconds     integer NOT NULL,
    next_poll_at     integer NOT NULL,
    -- Empty while nobody has decided.
    decision         text NOT NULL DEFAULT '',
    organization_id  text NOT NULL DEFAULT '',
    user_id          text NOT NULL DEFAULT '',
    scopes           text NOT NULL DEFAULT '',
    token_expires_at integer NOT NULL DEFAULT 0,
    expires_at       integer NOT NULL,
    created_at       integer NOT NULL
);
CREATE INDEX device_logins_expires ON device_logins (expires_at);

-- +goose Down
DROP TABLE device_logins;
