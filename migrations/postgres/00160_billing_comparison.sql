-- What the payment provider counts, held against what it was told; and which of our
-- own lines no invoice has yet. Hours are Unix time / 3600, times Unix milliseconds.

-- +goose Up
-- When an organization's customer was looked at, and is to be next.
CREATE TABLE billing_comparisons (
    organization bigint PRIMARY KEY,
    looked_at    bigint NOT NULL,
    next_at      bigint NOT NULL
);

-- Hours of which the provider counts something else than it was told.
CREATE TABLE billing_differences (
    organization bigint NOT NULL,
    hour         bigint NOT NULL,
    plan         bigint NOT NULL,
    told         bigint NOT NULL,
    counted      bigint NOT NULL,
    since        bigint NOT NULL,
    -- How many looks in a row found it, and how often the hour was told again since.
    looks        bigint NOT NULL,
    retold       bigint NOT NULL,
    -- When it was found again though the hour had been told again; 0: it was not.
    stays_at     bigint NOT NULL,
    PRIMARY KEY (organization, hour, plan)
);

-- Drafts are few, and asked for often.
CREATE INDEX billing_invoices_drafts ON billing_invoices (organization) WHERE status = 'draft';

-- When a line that the provider has is looked at for an invoice of its own; 0: an
-- invoice has it.
ALTER TABLE billing_adjustments ADD COLUMN bill_at bigint NOT NULL DEFAULT 1;
CREATE INDEX billing_adjustments_bill ON billing_adjustments (bill_at) WHERE bill_at <> 0;
CREATE INDEX billing_invoice_lines_key ON billing_invoice_lines (key) WHERE key <> '';

-- +goose Down
DROP INDEX billing_invoice_lines_key;
DROP INDEX billing_invoices_drafts;
DROP INDEX billing_adjustments_bill;
ALTER TABLE billing_adjustments DROP COLUMN bill_at;
DROP TABLE billing_differences;
DROP TABLE billing_comparisons;
