-- Billing's ledger: what each organization was billed in each hour on each plan,
-- summed from usage_counters; the chain of hashes that its closed hours are in; and
-- the billing periods that there were. Organizations are numbers here, hours are
-- Unix time / 3600; rows outlive what they name.

-- +goose Up
-- Hours whose totals moved. Each transaction on usage_counters adds its own rows and
-- waits for nobody; who folds them deletes the rows that it saw.
CREATE TABLE billing_dirty (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization bigint NOT NULL,
    hour         bigint NOT NULL
);

-- `total` only rises. `sealed_at` is when the hour was closed (0: it is open), and
-- `posted` the total that the payment provider was last told.
CREATE TABLE billing_hours (
    organization bigint NOT NULL,
    plan         bigint NOT NULL,
    hour         bigint NOT NULL,
    total        bigint NOT NULL CHECK (total >= 0),
    sealed_at    bigint NOT NULL DEFAULT 0,
    posted       bigint NOT NULL DEFAULT 0,
    posted_at    bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (organization, hour, plan),
    CHECK (posted >= 0 AND posted <= total)
);
CREATE INDEX billing_hours_open ON billing_hours (hour) WHERE sealed_at = 0;
CREATE INDEX billing_hours_unposted ON billing_hours (organization, hour) WHERE posted < total;

-- +goose StatementBegin
CREATE FUNCTION billing_hours_rise() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.total < OLD.total OR NEW.posted < OLD.posted THEN
        RAISE EXCEPTION 'a billed total never falls' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.sealed_at <> 0 AND NEW.sealed_at <> OLD.sealed_at THEN
        RAISE EXCEPTION 'a closed hour is not opened again' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER billing_hours_rise BEFORE UPDATE ON billing_hours
    FOR EACH ROW EXECUTE FUNCTION billing_hours_rise();

-- The newest entry of each organization's chain.
CREATE TABLE billing_heads (
    organization bigint PRIMARY KEY,
    seq          bigint NOT NULL DEFAULT 0,
    hash         text NOT NULL DEFAULT ''
);

-- One entry when an hour is closed, and one whenever its total rises after that.
-- Hashes are hexadecimal; the first entry's `prev` is 64 zeros.
CREATE TABLE billing_chain (
    organization bigint NOT NULL,
    seq          bigint NOT NULL,
    hour         bigint NOT NULL,
    plan         bigint NOT NULL,
    total        bigint NOT NULL,
    at           bigint NOT NULL,
    prev         text NOT NULL,
    hash         text NOT NULL,
    PRIMARY KEY (organization, seq)
);
CREATE INDEX billing_chain_hour ON billing_chain (organization, hour, plan, seq);

-- +goose StatementBegin
CREATE FUNCTION billing_chain_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the chain of billed hours is only ever added to' USING ERRCODE = 'check_violation';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER billing_chain_keep BEFORE UPDATE OR DELETE ON billing_chain
    FOR EACH ROW EXECUTE FUNCTION billing_chain_keep();
CREATE TRIGGER billing_chain_keep_all BEFORE TRUNCATE ON billing_chain
    FOR EACH STATEMENT EXECUTE FUNCTION billing_chain_keep();

-- The billing periods that an organization had and has: whole hours, half open, one
-- after the other without a gap. An hour belongs to the period that holds its start.
CREATE TABLE billing_periods (
    organization bigint NOT NULL,
    start_hour   bigint NOT NULL,
    end_hour     bigint NOT NULL,
    PRIMARY KEY (organization, start_hour),
    CHECK (end_hour > start_hour)
);

-- Whoever moves an organization's period, the history follows in the same
-- transaction: what began later is replaced, and what came before ends where the
-- new period begins.
-- +goose StatementBegin
CREATE FUNCTION billing_periods_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.period_end / 3600000 <= NEW.period_start / 3600000 THEN
        RETURN NULL;
    END IF;
    DELETE FROM billing_periods WHERE organization = NEW.num AND start_hour >= NEW.period_start / 3600000;
    UPDATE billing_periods SET end_hour = NEW.period_start / 3600000
        WHERE organization = NEW.num AND start_hour = (SELECT MAX(p.start_hour) FROM billing_periods p WHERE p.organization = NEW.num);
    INSERT INTO billing_periods (organization, start_hour, end_hour) VALUES (NEW.num, NEW.period_start / 3600000, NEW.period_end / 3600000);
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER billing_periods_made AFTER INSERT ON organizations
    FOR EACH ROW EXECUTE FUNCTION billing_periods_follow();
CREATE TRIGGER billing_periods_moved AFTER UPDATE ON organizations
    FOR EACH ROW WHEN (OLD.period_start <> NEW.period_start OR OLD.period_end <> NEW.period_end)
    EXECUTE FUNCTION billing_periods_follow();

-- What is there already: the time before the present period is one period, as its
-- ends were not kept.
INSERT INTO billing_periods (organization, start_hour, end_hour)
    SELECT o.num, LEAST(o.created_at / 3600000, COALESCE((SELECT MIN(c.hour) FROM usage_counters c WHERE c.organization = o.num), o.created_at / 3600000)), o.period_start / 3600000
    FROM organizations o
    WHERE LEAST(o.created_at / 3600000, COALESCE((SELECT MIN(c.hour) FROM usage_counters c WHERE c.organization = o.num), o.created_at / 3600000)) < o.period_start / 3600000;
INSERT INTO billing_periods (organization, start_hour, end_hour)
    SELECT num, period_start / 3600000, period_end / 3600000 FROM organizations WHERE period_end / 3600000 > period_start / 3600000;
INSERT INTO billing_dirty (organization, hour)
    SELECT DISTINCT organization, hour FROM usage_counters WHERE billed > 0;

-- +goose Down
DROP TRIGGER billing_periods_moved ON organizations;
DROP TRIGGER billing_periods_made ON organizations;
DROP FUNCTION billing_periods_follow();
DROP TABLE billing_periods;
DROP TABLE billing_chain;
DROP FUNCTION billing_chain_keep();
DROP TABLE billing_heads;
DROP TABLE billing_hours;
DROP FUNCTION billing_hours_rise();
DROP TABLE billing_dirty;
