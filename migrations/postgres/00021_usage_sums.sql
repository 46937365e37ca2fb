-- Usage summed up ahead: what analytics ask for most is read from few rows. Each
-- sum grows in the transaction that raises its total in the ledger, by the same
-- amount, so that it is exact at every moment. `span` is how many minutes a row
-- covers (1, 60 or 1440), `at` counts such spans since 1970; `part` is 0 for the
-- whole gateway (its `route` is 0) and 1 for one route.
-- usage_status_minutes and usage_latency_minutes are no longer written: what they
-- hold moves to usage_status_sums and usage_latency_sums.

-- +goose Up
CREATE TABLE usage_days (
    gateway   bigint NOT NULL,
    day       bigint NOT NULL,
    route     bigint NOT NULL,
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
    PRIMARY KEY (gateway, day, route, kid, consumer)
);
CREATE INDEX usage_days_key ON usage_days (kid, day) WHERE kid <> 0;
CREATE INDEX usage_days_consumer ON usage_days (consumer, day) WHERE consumer <> 0;
CREATE INDEX usage_minutes_key ON usage_minutes (kid, minute) WHERE kid <> 0;

CREATE TABLE usage_sums (
    gateway   bigint NOT NULL,
    span      bigint NOT NULL,
    part      bigint NOT NULL,
    at        bigint NOT NULL,
    route     bigint NOT NULL,
    billed    bigint NOT NULL,
    c2xx      bigint NOT NULL,
    c3xx      bigint NOT NULL,
    c4xx      bigint NOT NULL,
    c5xx      bigint NOT NULL,
    refused   bigint NOT NULL,
    bytes_in  bigint NOT NULL,
    bytes_out bigint NOT NULL,
    PRIMARY KEY (gateway, span, part, at, route)
);
CREATE INDEX usage_sums_minute ON usage_sums (at) WHERE span = 1;

CREATE TABLE usage_status_sums (
    gateway bigint NOT NULL,
    span    bigint NOT NULL,
    part    bigint NOT NULL,
    at      bigint NOT NULL,
    route   bigint NOT NULL,
    status  bigint NOT NULL,
    count   bigint NOT NULL,
    PRIMARY KEY (gateway, span, part, at, route, status)
);
CREATE INDEX usage_status_sums_minute ON usage_status_sums (at) WHERE span = 1;

CREATE TABLE usage_latency_sums (
    gateway  bigint NOT NULL,
    span     bigint NOT NULL,
    part     bigint NOT NULL,
    at       bigint NOT NULL,
    route    bigint NOT NULL,
    edge     text NOT NULL,
    upstream text NOT NULL,
    PRIMARY KEY (gateway, span, part, at, route)
);
CREATE INDEX usage_latency_sums_minute ON usage_latency_sums (at) WHERE span = 1;

-- What each target answered (dim 1) and each of the edge's error codes refused
-- (dim 2): totals by writer and hour, and their sums. They are billed to nobody.
CREATE TABLE usage_splits (
    source_id bigint NOT NULL,
    hour      bigint NOT NULL,
    gateway   bigint NOT NULL,
    route     bigint NOT NULL,
    dim       bigint NOT NULL,
    value     bigint NOT NULL,
    c2xx      bigint NOT NULL,
    c3xx      bigint NOT NULL,
    c4xx      bigint NOT NULL,
    c5xx      bigint NOT NULL,
    failed    bigint NOT NULL,
    bytes_in  bigint NOT NULL,
    bytes_out bigint NOT NULL,
    upstream  text NOT NULL,
    PRIMARY KEY (gateway, hour, route, dim, value, source_id)
);

CREATE TABLE usage_split_sums (
    gateway   bigint NOT NULL,
    dim       bigint NOT NULL,
    span      bigint NOT NULL,
    part      bigint NOT NULL,
    at        bigint NOT NULL,
    route     bigint NOT NULL,
    value     bigint NOT NULL,
    c2xx      bigint NOT NULL,
    c3xx      bigint NOT NULL,
    c4xx      bigint NOT NULL,
    c5xx      bigint NOT NULL,
    failed    bigint NOT NULL,
    bytes_in  bigint NOT NULL,
    bytes_out bigint NOT NULL,
    PRIMARY KEY (gateway, dim, span, part, at, route, value)
);
CREATE INDEX usage_split_sums_minute ON usage_split_sums (at) WHERE span = 1;

CREATE TABLE usage_target_latencies (
    gateway  bigint NOT NULL,
    span     bigint NOT NULL,
    part     bigint NOT NULL,
    at       bigint NOT NULL,
    route    bigint NOT NULL,
    value    bigint NOT NULL,
    edge     text NOT NULL,
    upstream text NOT NULL,
    PRIMARY KEY (gateway, span, part, at, route, value)
);
CREATE INDEX usage_target_latencies_minute ON usage_target_latencies (at) WHERE span = 1;

-- The names of targets, also of those that no upstream has any more.
CREATE TABLE usage_targets (
    gateway  bigint NOT NULL,
    target   bigint NOT NULL,
    upstream text NOT NULL,
    url      text NOT NULL,
    PRIMARY KEY (gateway, target)
);

-- What the ledger holds already.
INSERT INTO usage_days
    SELECT gateway, hour / 24, route, kid, consumer, SUM(billed), SUM(c2xx), SUM(c3xx), SUM(c4xx), SUM(c5xx), SUM(refused), SUM(bytes_in), SUM(bytes_out)
    FROM usage_counters GROUP BY 1, 2, 3, 4, 5;
INSERT INTO usage_sums
    SELECT gateway, span, part, at, route, SUM(billed), SUM(c2xx), SUM(c3xx), SUM(c4xx), SUM(c5xx), SUM(refused), SUM(bytes_in), SUM(bytes_out)
    FROM (
        SELECT gateway, 60 AS span, p.part, hour AS at, route * p.part AS route, billed, c2xx, c3xx, c4xx, c5xx, refused, bytes_in, bytes_out
            FROM usage_counters CROSS JOIN (VALUES (0), (1)) AS p (part)
        UNION ALL
        SELECT gateway, 1440, p.part, hour / 24, route * p.part, billed, c2xx, c3xx, c4xx, c5xx, refused, bytes_in, bytes_out
            FROM usage_counters CROSS JOIN (VALUES (0), (1)) AS p (part)
        UNION ALL
        SELECT gateway, 1, p.part, minute, route * p.part, billed, c2xx, c3xx, c4xx, c5xx, refused, bytes_in, bytes_out
            FROM usage_minutes CROSS JOIN (VALUES (0), (1)) AS p (part)
    ) AS x GROUP BY 1, 2, 3, 4, 5;
INSERT INTO usage_status_sums
    SELECT gateway, span, part, at, route, status, SUM(count)
    FROM (
        SELECT gateway, 60 AS span, p.part, hour AS at, route * p.part AS route, status, count FROM usage_statuses CROSS JOIN (VALUES (0), (1)) AS p (part)
        UNION ALL
        SELECT gateway, 1440, p.part, hour / 24, route * p.part, status, count FROM usage_statuses CROSS JOIN (VALUES (0), (1)) AS p (part)
        UNION ALL
        SELECT gateway, 1, p.part, minute, route * p.part, status, count FROM usage_status_minutes CROSS JOIN (VALUES (0), (1)) AS p (part)
    ) AS x GROUP BY 1, 2, 3, 4, 5, 6;
-- A histogram is "bucket:count" pairs: taken apart, summed, put together.
INSERT INTO usage_latency_sums
    WITH spans AS (
        SELECT gateway, 60 AS span, p.part, hour AS at, route * p.part AS route, edge, upstream FROM usage_latencies CROSS JOIN (VALUES (0), (1)) AS p (part)
        UNION ALL
        SELECT gateway, 1440, p.part, hour / 24, route * p.part, edge, upstream FROM usage_latencies CROSS JOIN (VALUES (0), (1)) AS p (part)
        UNION ALL
        SELECT gateway, 1, p.part, minute, route * p.part, edge, upstream FROM usage_latency_minutes CROSS JOIN (VALUES (0), (1)) AS p (part)
    ), pairs AS (
        SELECT gateway, span, part, at, route, 0 AS side, pair FROM spans, regexp_split_to_table(edge, ' ') AS pair
        UNION ALL
        SELECT gateway, span, part, at, route, 1, pair FROM spans, regexp_split_to_table(upstream, ' ') AS pair
    ), buckets AS (
        SELECT gateway, span, part, at, route, side, CAST(split_part(pair, ':', 1) AS bigint) AS bucket, SUM(CAST(split_part(pair, ':', 2) AS bigint)) AS n
        FROM pairs WHERE pair <> '' GROUP BY 1, 2, 3, 4, 5, 6, 7
    )
    SELECT gateway, span, part, at, route,
        coalesce(string_agg(bucket || ':' || n, ' ' ORDER BY bucket) FILTER (WHERE side = 0), ''),
        coalesce(string_agg(bucket || ':' || n, ' ' ORDER BY bucket) FILTER (WHERE side = 1), '')
    FROM buckets GROUP BY 1, 2, 3, 4, 5;

-- +goose Down
DROP TABLE usage_targets;
DROP TABLE usage_target_latencies;
DROP TABLE usage_split_sums;
DROP TABLE usage_splits;
DROP TABLE usage_latency_sums;
DROP TABLE usage_status_sums;
DROP TABLE usage_sums;
DROP INDEX usage_minutes_key;
DROP TABLE usage_days;
