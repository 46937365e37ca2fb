-- Billing's ledger: what each organization was billed in each hour on each plan,
-- summed from usage_counters; the chain of hashes that its closed hours are in; and
-- the billing periods that there were. Organizations are numbers here, hours are
-- Unix time / 3600; rows outlive what they name.

-- +goose Up
-- Hours whose totals moved. Each transaction on usage_counters adds its own rows and
-- waits for nobody; who folds them deletes the rows that it saw.
CREATE TABLE billing_dirty (
    id           integer PRIMARY KEY AUTOINCREMENT,
    organization integer NOT NULL,
    hour         integer NOT NULL
);

-- `total` only rises. `sealed_at` is when the hour was closed (0: it is open), and
-- `posted` the total that the payment provider was last told.
CREATE TABLE billing_hours (
    organization integer NOT NULL,
    plan         integer NOT NULL,
    hour         integer NOT NULL,
    total        integer NOT NULL CHECK (total >= 0),
    sealed_at    integer NOT NULL DEFAULT 0,
    posted       integer NOT NULL DEFAULT 0,
    posted_at    integer NOT NULL DEFAULT 0,
    PRIMARY KEY (organization, hour, plan),
    CHECK (posted >= 0 AND posted <= total)
) WITHOUT ROWID;
CREATE INDEX billing_hours_open ON billing_hours (hour) WHERE sealed_at = 0;
CREATE INDEX billing_hours_unposted ON billing_hours (organization, hour) WHERE posted < total;

-- +goose StatementBegin
CREATE TRIGGER billing_hours_rise BEFORE UPDATE ON billing_hours
WHEN NEW.total < OLD.total OR NEW.posted < OLD.posted
BEGIN
    SELECT RAISE(ABORT, 'a billed total never falls');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER billing_hours_closed BEFORE UPDATE ON billing_hours
WHEN OLD.sealed_at <> 0 AND NEW.sealed_at <> OLD.sealed_at
BEGIN
    SELECT RAISE(ABORT, 'a closed hour is not opened again');
END;
-- +goose StatementEnd

-- The newest entry of each organization's chain.
CREATE TABLE billing_heads (
    organization integer PRIMARY KEY,
    seq          integer NOT NULL DEFAULT 0,
    hash         text NOT NULL DEFAULT ''
);

-- One entry when an hour is closed, and one whenever its total rises after that.
-- Hashes are hexadecimal; the first entry's `prev` is 64 zeros.
CREATE TABLE billing_chain (
    organization integer NOT NULL,
    seq          integer NOT NULL,
    hour         integer NOT NULL,
    plan         integer NOT NULL,
    total        integer NOT NULL,
    at           integer NOT NULL,
    prev         text NOT NULL,
    hash         text NOT NULL,
    PRIMARY KEY (organization, seq)
) WITHOUT ROWID;
CREATE INDEX billing_chain_hour ON billing_chain (organization, hour, plan, seq);

-- +goose StatementBegin
CREATE TRIGGER billing_chain_keep BEFORE UPDATE ON billing_chain
BEGIN
    SELECT RAISE(ABORT, 'the chain of billed hours is only ever added to');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER billing_chain_keep_all BEFORE DELETE ON billing_chain
BEGIN
    SELECT RAISE(ABORT, 'the chain of billed hours is only ever added to');
END;
-- +goose StatementEnd

-- The billing periods that an organization had and has: whole hours, half open, one
-- after the other without a gap. An hour belongs to the period that holds its start.
CREATE TABLE billing_periods (
    organization integer NOT NULL,
    start_hour   integer NOT NULL,
    end_hour     integer NOT NULL,
    PRIMARY KEY (organization, start_hour),
    CHECK (end_hour > start_hour)
) WITHOUT ROWID;

-- Whoever moves an organization's period, the history follows in the same
-- transaction: what began later is replaced, and what came before ends where the
-- new period begins.
-- +goose StatementBegin
CREATE TRIGGER billing_periods_made AFTER INSERT ON organizations
WHEN NEW.period_end / 3600000 > NEW.period_start / 3600000
BEGIN
    INSERT INTO billing_periods (organization, start_hour, end_hour) VALUES (NEW.num, NEW.period_start / 3600000, NEW.period_end / 3600000);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER billing_periods_moved AFTER UPDATE ON organizations
WHEN (OLD.period_start <> NEW.period_start OR OLD.period_end <> NEW.period_end) AND NEW.period_end / 3600000 > NEW.period_start / 3600000
BEGIN
    DELETE FROM billing_periods WHERE organization = NEW.num AND start_hour >= NEW.period_start / 3600000;
    UPDATE billing_periods SET end_hour = NEW.period_start / 3600000
        WHERE organization = NEW.num AND start_hour = (SELECT MAX(p.start_hour) FROM billing_periods p WHERE p.organization = NEW.num);
    INSERT INTO billing_periods (organization, start_hour, end_hour) VALUES (NEW.num, NEW.period_start / 3600000, NEW.period_end / 3600000);
END;
-- +goose StatementEnd

-- What is there already: the time before the present period is one period, as its
-- ends were not kept.
INSERT INTO billing_periods (organization, start_hour, end_hour)
    SELECT o.num, MIN(o.created_at / 3600000, COALESCE((SELECT MIN(c.hour) FROM usage_counters c WHERE c.organization = o.num), o.created_at / 3600000)), o.period_start / 3600000
    FROM organizations o
    WHERE MIN(o.created_at / 3600000, COALESCE((SELECT MIN(c.hour) FROM usage_counters c WHERE c.organization = o.num), o.created_at / 3600000)) < o.period_start / 3600000;
INSERT INTO billing_periods (organization, start_hour, end_hour)
    SELECT num, period_start / 3600000, period_end / 3600000 FROM organizations WHERE period_end / 3600000 > period_start / 3600000;
INSERT INTO billing_dirty (organization, hour)
    SELECT DISTINCT organization, hour FROM usage_counters WHERE billed > 0;

-- +goose Down
DROP TRIGGER billing_periods_moved;
DROP TRIGGER billing_periods_made;
DROP TABLE billing_periods;
DROP TABLE billing_chain;
DROP TABLE billing_heads;
DROP TABLE billing_hours;
DROP TABLE billing_dirty;
