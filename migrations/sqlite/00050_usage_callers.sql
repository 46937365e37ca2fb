-- Usage summed up by caller: what was counted under each key and consumer, whatever
-- the route, by day (`span` 1440) and by seven days (10080), and by seven days of
-- each route (in usage_sums). `at` counts such spans since 1970. A question over
-- months then reads a few rows for each key instead of one for each route and day.
-- The database itself adds to them whenever usage_days grows, in the same
-- transaction and by the same amount: they can't differ from the ledger, not even
-- while a worker of the release before this one goes on writing.

-- +goose Up
CREATE TABLE usage_callers (
    gateway   integer NOT NULL,
    span      integer NOT NULL,
    at        integer NOT NULL,
    kid       integer NOT NULL,
    consumer  integer NOT NULL,
    billed    integer NOT NULL,
    c2xx      integer NOT NULL,
    c3xx      integer NOT NULL,
    c4xx      integer NOT NULL,
    c5xx      integer NOT NULL,
    refused   integer NOT NULL,
    bytes_in  integer NOT NULL,
    bytes_out integer NOT NULL,
    PRIMARY KEY (gateway, span, at, kid, consumer)
) WITHOUT ROWID;
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
CREATE TRIGGER usage_days_made AFTER INSERT ON usage_days
BEGIN
    INSERT INTO usage_callers (gateway, span, at, kid, consumer, billed, c2xx, c3xx, c4xx, c5xx, refused, bytes_in, bytes_out)
        VALUES (NEW.gateway, 1440, NEW.day, NEW.kid, NEW.consumer, NEW.billed, NEW.c2xx, NEW.c3xx, NEW.c4xx, NEW.c5xx, NEW.refused, NEW.bytes_in, NEW.bytes_out)
        ON CONFLICT (gateway, span, at, kid, consumer) DO UPDATE SET
            billed = usage_callers.billed + excluded.billed, c2xx = usage_callers.c2xx + excluded.c2xx, c3xx = usage_callers.c3xx + excluded.c3xx,
            c4xx = usage_callers.c4xx + excluded.c4xx, c5xx = usage_callers.c5xx + excluded.c5xx, refused = usage_callers.refused + excluded.refused,
            bytes_in = usage_callers.bytes_in + excluded.bytes_in, bytes_out = usage_callers.bytes_out + excluded.bytes_out;
    INSERT INTO usage_callers (gateway, span, at, kid, consumer, billed, c2xx, c3xx, c4xx, c5xx, refused, bytes_in, bytes_out)
        VALUES (NEW.gateway, 10080, NEW.day / 7, NEW.kid, NEW.consumer, NEW.billed, NEW.c2xx, NEW.c3xx, NEW.c4xx, NEW.c5xx, NEW.refused, NEW.bytes_in, NEW.bytes_out)
        ON CONFLICT (gateway, span, at, kid, consumer) DO UPDATE SET
            billed = usage_callers.billed + excluded.billed, c2xx = usage_callers.c2xx + excluded.c2xx, c3xx = usage_callers.c3xx + excluded.c3xx,
            c4xx = usage_callers.c4xx + excluded.c4xx, c5xx = usage_callers.c5xx + excluded.c5xx, refused = usage_callers.refused + excluded.refused,
            bytes_in = usage_callers.bytes_in + excluded.bytes_in, bytes_out = usage_callers.bytes_out + excluded.bytes_out;
    INSERT INTO usage_sums (gateway, span, part, at, route, billed, c2xx, c3xx, c4xx, c5xx, refused, bytes_in, bytes_out)
        VALUES (NEW.gateway, 10080, 1, NEW.day / 7, NEW.route, NEW.billed, NEW.c2xx, NEW.c3xx, NEW.c4xx, NEW.c5xx, NEW.refused, NEW.bytes_in, NEW.bytes_out)
        ON CONFLICT (gateway, span, part, at, route) DO UPDATE SET
            billed = usage_sums.billed + excluded.billed, c2xx = usage_sums.c2xx + excluded.c2xx, c3xx = usage_sums.c3xx + excluded.c3xx,
            c4xx = usage_sums.c4xx + excluded.c4xx, c5xx = usage_sums.c5xx + excluded.c5xx, refused = usage_sums.refused + excluded.refused,
            bytes_in = usage_sums.bytes_in + excluded.bytes_in, bytes_out = usage_sums.bytes_out + excluded.bytes_out;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER usage_days_grown AFTER UPDATE ON usage_days
BEGIN
    INSERT INTO usage_callers (gateway, span, at, kid, consumer, billed, c2xx, c3xx, c4xx, c5xx, refused, bytes_in, bytes_out)
        VALUES (NEW.gateway, 1440, NEW.day, NEW.kid, NEW.consumer, NEW.billed - OLD.billed, NEW.c2xx - OLD.c2xx, NEW.c3xx - OLD.c3xx, NEW.c4xx - OLD.c4xx, NEW.c5xx - OLD.c5xx, NEW.refused - OLD.refused, NEW.bytes_in - OLD.bytes_in, NEW.bytes_out - OLD.bytes_out)
        ON CONFLICT (gateway, span, at, kid, consumer) DO UPDATE SET
            billed = usage_callers.billed + excluded.billed, c2xx = usage_callers.c2xx + excluded.c2xx, c3xx = usage_callers.c3xx + excluded.c3xx,
            c4xx = usage_callers.c4xx + excluded.c4xx, c5xx = usage_callers.c5xx + excluded.c5xx, refused = usage_callers.refused + excluded.refused,
            bytes_in = usage_callers.bytes_in + excluded.bytes_in, bytes_out = usage_callers.bytes_out + excluded.bytes_out;
    INSERT INTO usage_callers (gateway, span, at, kid, consumer, billed, c2xx, c3xx, c4xx, c5xx, refused, bytes_in, bytes_out)
        VALUES (NEW.gateway, 10080, NEW.day / 7, NEW.kid, NEW.consumer, NEW.billed - OLD.billed, NEW.c2xx - OLD.c2xx, NEW.c3xx - OLD.c3xx, NEW.c4xx - OLD.c4xx, NEW.c5xx - OLD.c5xx, NEW.refused - OLD.refused, NEW.bytes_in - OLD.bytes_in, NEW.bytes_out - OLD.bytes_out)
        ON CONFLICT (gateway, span, at, kid, consumer) DO UPDATE SET
            billed = usage_callers.billed + excluded.billed, c2xx = usage_callers.c2xx + excluded.c2xx, c3xx = usage_callers.c3xx + excluded.c3xx,
            c4xx = usage_callers.c4xx + excluded.c4xx, c5xx = usage_callers.c5xx + excluded.c5xx, refused = usage_callers.refused + excluded.refused,
            bytes_in = usage_callers.bytes_in + excluded.bytes_in, bytes_out = usage_callers.bytes_out + excluded.bytes_out;
    INSERT INTO usage_sums (gateway, span, part, at, route, billed, c2xx, c3xx, c4xx, c5xx, refused, bytes_in, bytes_out)
        VALUES (NEW.gateway, 10080, 1, NEW.day / 7, NEW.route, NEW.billed - OLD.billed, NEW.c2xx - OLD.c2xx, NEW.c3xx - OLD.c3xx, NEW.c4xx - OLD.c4xx, NEW.c5xx - OLD.c5xx, NEW.refused - OLD.refused, NEW.bytes_in - OLD.bytes_in, NEW.bytes_out - OLD.bytes_out)
        ON CONFLICT (gateway, span, part, at, route) DO UPDATE SET
            billed = usage_sums.billed + excluded.billed, c2xx = usage_sums.c2xx + excluded.c2xx, c3xx = usage_sums.c3xx + excluded.c3xx,
            c4xx = usage_sums.c4xx + excluded.c4xx, c5xx = usage_sums.c5xx + excluded.c5xx, refused = usage_sums.refused + excluded.refused,
            bytes_in = usage_sums.bytes_in + excluded.bytes_in, bytes_out = usage_sums.bytes_out + excluded.bytes_out;
END;
-- +goose StatementEnd

-- What the ledger holds already.
INSERT INTO usage_callers (gateway, span, at, kid, consumer, billed, c2xx, c3xx, c4xx, c5xx, refused, bytes_in, bytes_out)
    SELECT gateway, span, day * 1440 / span, kid, consumer, SUM(billed), SUM(c2xx), SUM(c3xx), SUM(c4xx), SUM(c5xx), SUM(refused), SUM(bytes_in), SUM(bytes_out)
    FROM usage_days CROSS JOIN (SELECT 1440 AS span UNION ALL SELECT 10080) AS s GROUP BY 1, 2, 3, 4, 5;
INSERT INTO usage_sums (gateway, span, part, at, route, billed, c2xx, c3xx, c4xx, c5xx, refused, bytes_in, bytes_out)
    SELECT gateway, 10080, 1, day / 7, route, SUM(billed), SUM(c2xx), SUM(c3xx), SUM(c4xx), SUM(c5xx), SUM(refused), SUM(bytes_in), SUM(bytes_out) FROM usage_days GROUP BY 1, 4, 5;

-- +goose Down
DROP TRIGGER usage_days_grown;
DROP TRIGGER usage_days_made;
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
