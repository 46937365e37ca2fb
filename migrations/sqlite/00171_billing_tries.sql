-- Changes that are asked of the payment provider are numbered by themselves: what it
-- refuses leaves the revision, which the entity tag is made of. The numbers go on behind
-- the revisions that were the numbers before.

-- +goose Up
ALTER TABLE billing_accounts ADD COLUMN tries integer NOT NULL DEFAULT 0;
UPDATE billing_accounts SET tries = revision;

-- +goose Down
ALTER TABLE billing_accounts DROP COLUMN tries;
