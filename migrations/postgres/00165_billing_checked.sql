-- Whether an invoice was held against the ledger stands in its row: a table of its own
-- was read whole, with all invoices, for each look. And indexes by the organization's
-- number, by which billing's workers ask.

-- +goose Up
-- When it was held against the ledger; 0: it was not yet.
ALTER TABLE billing_invoices ADD COLUMN checked_at bigint NOT NULL DEFAULT 0;
UPDATE billing_invoices SET checked_at = (SELECT c.at FROM billing_checked c WHERE c.invoice = billing_invoices.id)
    WHERE id IN (SELECT invoice FROM billing_checked);
DROP TABLE billing_checked;
CREATE INDEX billing_invoices_unchecked ON billing_invoices (finalized_at, id) WHERE checked_at = 0 AND status <> 'draft' AND period_start < period_end;
CREATE INDEX billing_invoices_num ON billing_invoices (organization, period_end);
CREATE INDEX billing_adjustments_num ON billing_adjustments (organization, period_start);

-- +goose Down
DROP INDEX billing_adjustments_num;
DROP INDEX billing_invoices_num;
DROP INDEX billing_invoices_unchecked;
CREATE TABLE billing_checked (
    invoice text PRIMARY KEY REFERENCES billing_invoices (id) ON DELETE CASCADE,
    at      bigint NOT NULL
);
INSERT INTO billing_checked (invoice, at) SELECT id, checked_at FROM billing_invoices WHERE checked_at <> 0;
ALTER TABLE billing_invoices DROP COLUMN checked_at;
