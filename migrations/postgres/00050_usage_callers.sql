-- Usage summed up by caller: what was counted under each key and consumer, whatever
-- the route, by day (`span` 1440) and by seven days (10080), and by seven days of
-- each route (in usage_sums). `at` counts such spans since 1970. A question over
-- months then reads a few rows for each key instead of one for each route and day.
-- The database itself adds to them whenever usage_days grows, in the same
-- transaction and by the same amount: they can't differ from the ledger, not even
-- while a worker of the release before this one goes on writing.

-- +goose Up
-- Nobody writes between what is filled here and the first that a trigger adds. The
-- order is the one in which a worker takes the tables.
LOCK TABLE usage_counters, usage_minutes, usage_days, usage_sums, usage_latency_sums IN SHARE ROW EXCLUSIVE MODE;

CREATE TABLE usage_callers (
    gateway   bigint NOT NULL,
    span      bigint NOT NULL,
    at        bigint NOT NULL,
    kid       bigint NOT NULL,
    consumer  bigint NOT NULL,
    billed    bigint NOT NULL,
    c2xx      bigint NOT NULL,
    c3xx      bigint NOT NULL,
    c4xx      bigint NOT NULL,
    c5xx      bigint NOT NULL,
    refused   bigint NOT NULL,
    bytes_in  bigint NOT NULL,
    bytes_out bigint NOT NULL,
    PRIMARY KEY (gateway, span, at, kid, consumer)
);
CREATE INDEX usage_callers_key ON usage_callers (gateway, kid, span, at);
CREATE INDEX usage_callers_consumer ON usage_callers (gateway, consumer, span, at);
-- One route's keys; and who had no key or consumer, which the indexes of keys and
-- consumers leave out.
CREATE INDEX usage_days_route ON usage_days (gateway, route, day);
CREATE INDEX usage_sums_route ON usage_sums (gateway, part, route, span, at);
CREATE INDEX usage_latency_sums_route ON usage_latency_sums (gateway, part, route, span, at);
CREATE INDEX usage_minutes_consumer ON usage_minutes (consumer, minute) WHERE consumer <> 0;
CREATE INDEX usage_minutes_nokey ON usage_minutes (gateway, minute) WHERE kid = 0;
CREATE INDEX usage_minutes_noconsumer ON usage_minutes (gateway, minute) WHERE consumer = 0;
CREATE INDEX usage_counters_nokey ON usage_counters (gateway, hour) WHERE kid = 0;
CREATE INDEX usage_counters_noconsumer ON usage_counters (gateway, hour) WHERE consumer = 0;

-- +goose StatementBegin
CREATE FUNCTION usage_days_made() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO usage_callers (gateway, span, at, kid, consumer, billed, c2xx, c3xx, c4xx, c5xx, refused, bytes_in, bytes_out)
        SELECT gateway, span, day * 1440 / span, kid, consumer, SUM(billed), SUM(c2xx), SUM(c3xx), SUM(c4xx), SUM(c5xx), SUM(refused), SUM(bytes_in), SUM(bytes_out)
        FROM made CROSS JOIN (VALUES (1440), (10080)) AS s (span) GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
        ON CONFLICT (gateway, span, at, kid, consumer) DO UPDATE SET
            billed = usage_callers.billed + excluded.billed, c2xx = usage_callers.c2xx + excluded.c2xx, c3xx = usage_callers.c3xx + excluded.c3xx,
            c4xx = usage_callers.c4xx + excluded.c4xx, c5xx = usage_callers.c5xx + excluded.c5xx, refused = usage_callers.refused + excluded.refused,
            bytes_in = usage_callers.bytes_in + excluded.bytes_in, bytes_out = usage_callers.bytes_out + excluded.bytes_out;
    INSERT INTO usage_sums (gateway, span, part, at, route, billed, c2xx, c3xx, c4xx, c5xx, refused, bytes_in, bytes_out)
        SELECT gateway, 10080, 1, day / 7, route, SUM(billed), SUM(c2xx), SUM(c3xx), SUM(c4xx), SUM(c5xx), SUM(refused), SUM(bytes_in), SUM(bytes_out) FROM made GROUP BY 1, 4, 5 ORDER BY 4, 5
        ON CONFLICT (gateway, span, part, at, route) DO UPDATE SET
            billed = usage_sums.billed + excluded.billed, c2xx = usage_sums.c2xx + excluded.c2xx, c3xx = usage_sums.c3xx + excluded.c3xx,
            c4xx = usage_sums.c4xx + excluded.c4xx, c5xx = usage_sums.c5xx + excluded.c5xx, refused = usage_sums.refused + excluded.refused,
            bytes_in = usage_sums.bytes_in + excluded.bytes_in, bytes_out = usage_sums.bytes_out + excluded.bytes_out;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION usage_days_grown() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO usage_callers (gateway, span, at, kid, consumer, billed, c2xx, c3xx, c4xx, c5xx, refused, bytes_in, bytes_out)
        SELECT gateway, span, day * 1440 / span, kid, consumer, SUM(billed), SUM(c2xx), SUM(c3xx), SUM(c4xx), SUM(c5xx), SUM(refused), SUM(bytes_in), SUM(bytes_out)
        FROM (
            SELECT gateway, day, route, kid, consumer, billed, c2xx, c3xx, c4xx, c5xx, refused, bytes_in, bytes_out FROM new_days
            UNION ALL SELECT gateway, day, route, kid, consumer, -billed, -c2xx, -c3xx, -c4xx, -c5xx, -refused, -bytes_in, -bytes_out FROM old_days
        ) AS changed CROSS JOIN (VALUES (1440), (10080)) AS s (span) GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
        ON CONFLICT (gateway, span, at, kid, consumer) DO UPDATE SET
            billed = usage_callers.billed + excluded.billed, c2xx = usage_callers.c2xx + excluded.c2xx, c3xx = usage_callers.c3xx + excluded.c3xx,
            c4xx = usage_callers.c4xx + excluded.c4xx, c5xx = usage_callers.c5xx + excluded.c5xx, refused = usage_callers.refused + excluded.refused,
            bytes_in = usage_callers.bytes_in + excluded.bytes_in, bytes_out = usage_callers.bytes_out + excluded.bytes_out;
    INSERT INTO usage_sums (gateway, span, part, at, route, billed, c2xx, c3xx, c4xx, c5xx, refused, bytes_in, bytes_out)
        SELECT gateway, 10080, 1, day / 7, route, SUM(billed), SUM(c2xx), SUM(c3xx), SUM(c4xx), SUM(c5xx), SUM(refused), SUM(bytes_in), SUM(bytes_out) FROM (
            SELECT gateway, day, route, kid, consumer, billed, c2xx, c3xx, c4xx, c5xx, refused, bytes_in, bytes_out FROM new_days
            UNION ALL SELECT gateway, day, route, kid, consumer, -billed, -c2xx, -c3xx, -c4xx, -c5xx, -refused, -bytes_in, -bytes_out FROM old_days
        ) AS changed GROUP BY 1, 4, 5 ORDER BY 4, 5
        ON CONFLICT (gateway, span, part, at, route) DO UPDATE SET
            billed = usage_sums.billed + excluded.billed, c2xx = usage_sums.c2xx + excluded.c2xx, c3xx = usage_sums.c3xx + excluded.c3xx,
            c4xx = usage_sums.c4xx + excluded.c4xx, c5xx = usage_sums.c5xx + excluded.c5xx, refused = usage_sums.refused + excluded.refused,
            bytes_in = usage_sums.bytes_in + excluded.bytes_in, bytes_out = usage_sums.bytes_out + excluded.bytes_out;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER usage_days_made AFTER INSERT ON usage_days
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION usage_days_made();
CREATE TRIGGER usage_days_grown AFTER UPDATE ON usage_days
    REFERENCING OLD TABLE AS old_days NEW TABLE AS new_days FOR EACH STATEMENT EXECUTE FUNCTION usage_days_grown();

-- What the ledger holds already.
INSERT INTO usage_callers (gateway, span, at, kid, consumer, billed, c2xx, c3xx, c4xx, c5xx, refused, bytes_in, bytes_out)
    SELECT gateway, span, day * 1440 / span, kid, consumer, SUM(billed), SUM(c2xx), SUM(c3xx), SUM(c4xx), SUM(c5xx), SUM(refused), SUM(bytes_in), SUM(bytes_out)
    FROM usage_days CROSS JOIN (VALUES (1440), (10080)) AS s (span) GROUP BY 1, 2, 3, 4, 5;
INSERT INTO usage_sums (gateway, span, part, at, route, billed, c2xx, c3xx, c4xx, c5xx, refused, bytes_in, bytes_out)
    SELECT gateway, 10080, 1, day / 7, route, SUM(billed), SUM(c2xx), SUM(c3xx), SUM(c4xx), SUM(c5xx), SUM(refused), SUM(bytes_in), SUM(bytes_out) FROM usage_days GROUP BY 1, 4, 5;

-- +goose Down
DROP TRIGGER usage_days_grown ON usage_days;
DROP TRIGGER usage_days_made ON usage_days;
DROP FUNCTION usage_days_grown();
DROP FUNCTION usage_days_made();
DELETE FROM usage_sums WHERE span = 10080;
DROP INDEX usage_counters_noconsumer;
DROP INDEX usage_counters_nokey;
DROP INDEX usage_minutes_noconsumer;
DROP INDEX usage_minutes_nokey;
DROP INDEX usage_minutes_consumer;
DROP INDEX usage_latency_sums_route;
DROP INDEX usage_sums_route;
DROP INDEX usage_days_route;
DROP TABLE usage_callers;
