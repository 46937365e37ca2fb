-- Room for API keys under the plan's limit, as it was when all were counted last
-- (under keys_limit), less the keys made since: issuing one need not count.

-- +goose Up
ALTER TABLE organizations ADD COLUMN keys_limit integer NOT NULL DEFAULT 0;
ALTER TABLE organizations ADD COLUMN keys_room integer NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE organizations DROP COLUMN keys_room;
ALTER TABLE organizations DROP COLUMN keys_limit;
