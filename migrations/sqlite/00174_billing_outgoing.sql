-- An operator sees what does not get to the payment provider, and lets a credit or a line
-- go or has it sent at once. Who sends one holds it until a time and by a number: what
-- is being sent is not let go.

-- +goose Up
ALTER TABLE billing_credits ADD COLUMN fence integer NOT NULL DEFAULT 0;
ALTER TABLE billing_credits ADD COLUMN claimed_until integer NOT NULL DEFAULT 0;
ALTER TABLE billing_credits ADD COLUMN dropped_at integer NOT NULL DEFAULT 0;
ALTER TABLE billing_adjustments ADD COLUMN fence integer NOT NULL DEFAULT 0;
ALTER TABLE billing_adjustments ADD COLUMN claimed_until integer NOT NULL DEFAULT 0;
ALTER TABLE billing_adjustments ADD COLUMN dropped_at integer NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE billing_adjustments DROP COLUMN dropped_at;
ALTER TABLE billing_adjustments DROP COLUMN claimed_until;
ALTER TABLE billing_adjustments DROP COLUMN fence;
ALTER TABLE billing_credits DROP COLUMN dropped_at;
ALTER TABLE billing_credits DROP COLUMN claimed_until;
ALTER TABLE billing_credits DROP COLUMN fence;
