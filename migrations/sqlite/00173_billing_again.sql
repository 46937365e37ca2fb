-- A line of ours is gone at the payment provider when a draft that it was on is deleted
-- there, or it alone. It is sent again, under a key that says how often.

-- +goose Up
ALTER TABLE billing_adjustments ADD COLUMN again integer NOT NULL DEFAULT 0;
-- Those that a draft has are looked at like those that wait.
UPDATE billing_adjustments SET bill_at = 1 WHERE bill_at = 0 AND next_at = 0 AND key IN (
    SELECT l.key FROM billing_invoice_lines l JOIN billing_invoices i ON i.id = l.invoice WHERE l.key <> '' AND i.status = 'draft');

-- +goose Down
ALTER TABLE billing_adjustments DROP COLUMN again;
