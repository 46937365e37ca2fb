-- Billing: what the payment provider knows of organizations, its invoices, and
-- what waits to be told to it. Money is whole cents; times are Unix milliseconds.

-- +goose Up
-- The plan that the next period begins with; empty: the same.
ALTER TABLE organizations ADD COLUMN next_plan text NOT NULL DEFAULT '';

-- One row an organization that has or had to do with payment, a spending cap or a
-- plan of its own choice. `plan` is the one that the subscription pays for.
CREATE TABLE billing_accounts (
    organization_id text PRIMARY KEY REFERENCES organizations (id),
    organization    bigint NOT NULL UNIQUE,
    customer        text NOT NULL DEFAULT '',
    subscription    text NOT NULL DEFAULT '',
    status          text NOT NULL DEFAULT 'none',
    plan            text NOT NULL DEFAULT '',
    base_item       text NOT NULL DEFAULT '',
    base_price      text NOT NULL DEFAULT '',
    -- Usage items as JSON: {"<plan>": "<item>"}.
    items           text NOT NULL DEFAULT '{}',
    subscribed_at   bigint NOT NULL DEFAULT 0,
    period_start    bigint NOT NULL DEFAULT 0,
    period_end      bigint NOT NULL DEFAULT 0,
    cancel_at_end   boolean NOT NULL DEFAULT false,
    standing        text NOT NULL DEFAULT 'good',
    past_due_since  bigint NOT NULL DEFAULT 0,
    -- The worst that members were told of the debt: 0 nothing to 4 suspended.
    told            bigint NOT NULL DEFAULT 0,
    -- When the standing is to be looked at again; 0: never.
    standing_at     bigint NOT NULL DEFAULT 0,
    -- Cents of overage in a period; NULL: no cap.
    spending_cap    bigint CHECK (spending_cap >= 0),
    -- Requests that earlier plans of the current period were billed.
    period_base     bigint NOT NULL DEFAULT 0,
    credit          bigint NOT NULL DEFAULT 0,
    revision        bigint NOT NULL DEFAULT 0,
    created_at      bigint NOT NULL,
    updated_at      bigint NOT NULL
);
CREATE UNIQUE INDEX billing_accounts_customer ON billing_accounts (customer) WHERE customer <> '';
CREATE UNIQUE INDEX billing_accounts_subscription ON billing_accounts (subscription) WHERE subscription <> '';
CREATE INDEX billing_accounts_standing ON billing_accounts (standing_at) WHERE standing_at <> 0;

-- Invoices as the provider has them.
CREATE TABLE billing_invoices (
    id              text PRIMARY KEY,
    organization_id text NOT NULL REFERENCES organizations (id),
    organization    bigint NOT NULL,
    number          text NOT NULL,
    status          text NOT NULL,
    currency        text NOT NULL,
    subscription    text NOT NULL,
    reason          text NOT NULL,
    period_start    bigint NOT NULL,
    period_end      bigint NOT NULL,
    finalized_at    bigint NOT NULL,
    paid_at         bigint NOT NULL,
    due_at          bigint NOT NULL,
    subtotal        bigint NOT NULL,
    tax             bigint NOT NULL,
    total           bigint NOT NULL,
    amount_due      bigint NOT NULL,
    amount_paid     bigint NOT NULL,
    hosted_url      text NOT NULL,
    pdf_url         text NOT NULL,
    attempts        bigint NOT NULL,
    next_attempt    bigint NOT NULL,
    created_at      bigint NOT NULL,
    updated_at      bigint NOT NULL
);
CREATE INDEX billing_invoices_organization ON billing_invoices (organization_id, created_at, id);

CREATE TABLE billing_invoice_lines (
    invoice      text NOT NULL REFERENCES billing_invoices (id) ON DELETE CASCADE,
    line         text NOT NULL,
    position     bigint NOT NULL,
    kind         text NOT NULL,
    plan         text NOT NULL,
    description  text NOT NULL,
    quantity     bigint NOT NULL,
    amount       bigint NOT NULL,
    period_start bigint NOT NULL,
    period_end   bigint NOT NULL,
    key          text NOT NULL,
    PRIMARY KEY (invoice, line)
);

-- Lines that we add to a customer's next invoice: an outbox. A row is there
-- before the provider is asked, and its key is in the item.
CREATE TABLE billing_adjustments (
    key             text PRIMARY KEY,
    organization_id text NOT NULL REFERENCES organizations (id),
    organization    bigint NOT NULL,
    kind            text NOT NULL,
    plan            text NOT NULL,
    period_start    bigint NOT NULL,
    period_end      bigint NOT NULL,
    total           bigint NOT NULL,
    cents           bigint NOT NULL,
    currency        text NOT NULL,
    description     text NOT NULL,
    item            text NOT NULL DEFAULT '',
    attempts        bigint NOT NULL DEFAULT 0,
    -- 0: sent.
    next_at         bigint NOT NULL,
    last_error      text NOT NULL DEFAULT '',
    created_at      bigint NOT NULL,
    sent_at         bigint NOT NULL DEFAULT 0
);
CREATE INDEX billing_adjustments_organization ON billing_adjustments (organization_id, plan, period_start);
CREATE INDEX billing_adjustments_next ON billing_adjustments (next_at) WHERE next_at <> 0;

-- Credits that operators gave: an outbox likewise. They wait for a customer.
CREATE TABLE billing_credits (
    id              text PRIMARY KEY,
    organization_id text NOT NULL REFERENCES organizations (id),
    cents           bigint NOT NULL CHECK (cents <> 0),
    reason          text NOT NULL,
    actor           text NOT NULL,
    posted          text NOT NULL DEFAULT '',
    attempts        bigint NOT NULL DEFAULT 0,
    next_at         bigint NOT NULL,
    last_error      text NOT NULL DEFAULT '',
    created_at      bigint NOT NULL,
    sent_at         bigint NOT NULL DEFAULT 0
);
CREATE INDEX billing_credits_organization ON billing_credits (organization_id, id);
CREATE INDEX billing_credits_next ON billing_credits (next_at) WHERE next_at <> 0;

-- The inbox of webhooks, written with the mark that each leaves.
CREATE TABLE stripe_events (
    event_id    text PRIMARY KEY,
    type        text NOT NULL,
    customer    text NOT NULL,
    object      text NOT NULL,
    -- Why it was ignored; empty: it marked a customer.
    ignored     text NOT NULL,
    created_at  bigint NOT NULL,
    received_at bigint NOT NULL
);
CREATE INDEX stripe_events_received ON stripe_events (received_at);

-- Customers to fetch. `mark` rises with each hint, `fence` with each worker that
-- takes the row: what it fetched counts only while its fence is the newest.
CREATE TABLE billing_syncs (
    customer        text PRIMARY KEY,
    organization_id text NOT NULL REFERENCES organizations (id),
    -- 0: nothing to fetch.
    next_at         bigint NOT NULL,
    -- Until then the one who claimed it has it for itself.
    claimed_until   bigint NOT NULL DEFAULT 0,
    -- What the oldest hint was that is not settled.
    cause           text NOT NULL,
    mark            bigint NOT NULL DEFAULT 1,
    fence           bigint NOT NULL DEFAULT 0,
    attempts        bigint NOT NULL DEFAULT 0,
    last_error      text NOT NULL DEFAULT '',
    synced_at       bigint NOT NULL DEFAULT 0
);
CREATE INDEX billing_syncs_next ON billing_syncs (next_at) WHERE next_at <> 0;

-- Work that one worker does at a time, with how far it is.
CREATE TABLE billing_jobs (
    name    text PRIMARY KEY,
    next_at bigint NOT NULL,
    place   text NOT NULL DEFAULT ''
);

-- +goose Down
DROP TABLE billing_jobs;
DROP TABLE billing_syncs;
DROP TABLE stripe_events;
DROP TABLE billing_credits;
DROP TABLE billing_adjustments;
DROP TABLE billing_invoice_lines;
DROP TABLE billing_invoices;
DROP TABLE billing_accounts;
ALTER TABLE organizations DROP COLUMN next_plan;
