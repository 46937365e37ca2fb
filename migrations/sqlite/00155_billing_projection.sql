-- Billing's projection to the payment provider: who posts an organization's hours,
-- what is parked since the provider no longer knows it, what plans cost when, and
-- which invoices were held against the ledger. Hours are Unix time / 3600.

-- +goose Up
-- One row an organization that has subscribed: only who holds the newest fence
-- writes what was posted. `since_hour` is the hour of its first subscription.
CREATE TABLE billing_posts (
    organization integer PRIMARY KEY,
    since_hour   integer NOT NULL,
    next_at      integer NOT NULL,
    fence        integer NOT NULL,
    attempts     integer NOT NULL DEFAULT 0,
    last_error   text NOT NULL DEFAULT ''
);

-- Plans whose meter or price is gone for a customer: nothing of them is posted
-- until `next_at`, nothing is dropped.
CREATE TABLE billing_parked (
    organization integer NOT NULL,
    plan         integer NOT NULL,
    reason       text NOT NULL,
    since        integer NOT NULL,
    next_at      integer NOT NULL,
    PRIMARY KEY (organization, plan)
);

-- What the requests of a plan cost from an hour on.
CREATE TABLE billing_rates (
    plan      integer NOT NULL,
    from_hour integer NOT NULL,
    included  integer NOT NULL,
    requests  integer NOT NULL,
    name      text NOT NULL,
    cents     integer NOT NULL,
    PRIMARY KEY (plan, from_hour)
);

-- Hours that rose after their end, for whoever holds invoices against the ledger.
CREATE TABLE billing_late (
    id           integer PRIMARY KEY AUTOINCREMENT,
    organization integer NOT NULL,
    hour         integer NOT NULL
);

-- Finalized invoices that were held against the ledger once.
CREATE TABLE billing_checked (
    invoice text PRIMARY KEY REFERENCES billing_invoices (id) ON DELETE CASCADE,
    at      integer NOT NULL
);

-- What an organization was told of its use of a period, once each.
CREATE TABLE billing_thresholds (
    organization integer NOT NULL,
    start_hour   integer NOT NULL,
    kind         text NOT NULL,
    at           integer NOT NULL,
    PRIMARY KEY (organization, start_hour, kind)
);

-- +goose Down
DROP TABLE billing_thresholds;
DROP TABLE billing_checked;
DROP TABLE billing_late;
DROP TABLE billing_rates;
DROP TABLE billing_parked;
DROP TABLE billing_posts;
