-- Usage: the ledger of totals by writer and hour, what they grew by in each
-- minute, and access logs. Numbers (gateway, route, consumer, kid, plan …) are
-- the stable numeric identities; rows outlive what they name, so nothing here
-- refers to another table. Hours and minutes are Unix time / 3600 and / 60.

-- +goose Up
-- One row a writer: an edge's process. `acked` is the newest batch up to which
-- all have been applied, `ahead` a bit for each of the 63 after it that were
-- applied early, `sealed` the hour before which nothing changes any more.
CREATE TABLE usage_sources (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    edge        text NOT NULL,
    epoch       bigint NOT NULL,
    incarnation text NOT NULL,
    acked       bigint NOT NULL DEFAULT 0,
    ahead       bigint NOT NULL DEFAULT 0,
    sealed      bigint NOT NULL DEFAULT 0,
    seen_at     bigint NOT NULL,
    UNIQUE (edge, epoch, incarnation)
);

-- The ledger. A total only rises (a trigger holds it), but for `admitted`, from
-- which credits are taken: there the batch with the higher number wins.
CREATE TABLE usage_counters (
    source_id    bigint NOT NULL,
    hour         bigint NOT NULL,
    organization bigint NOT NULL,
    gateway      bigint NOT NULL,
    route        bigint NOT NULL,
    consumer     bigint NOT NULL,
    kid          bigint NOT NULL,
    plan         bigint NOT NULL,
    seq          bigint NOT NULL,
    admitted     bigint NOT NULL CHECK (admitted >= 0),
    billed       bigint NOT NULL CHECK (billed >= 0),
    c2xx         bigint NOT NULL CHECK (c2xx >= 0),
    c3xx         bigint NOT NULL CHECK (c3xx >= 0),
    c4xx         bigint NOT NULL CHECK (c4xx >= 0),
    c5xx         bigint NOT NULL CHECK (c5xx >= 0),
    refused      bigint NOT NULL CHECK (refused >= 0),
    bytes_in     bigint NOT NULL CHECK (bytes_in >= 0),
    bytes_out    bigint NOT NULL CHECK (bytes_out >= 0),
    PRIMARY KEY (source_id, hour, gateway, route, kid, consumer, plan, organization)
) PARTITION BY RANGE (hour);
CREATE INDEX usage_counters_gateway ON usage_counters (gateway, hour);
CREATE INDEX usage_counters_organization ON usage_counters (organization, hour);
CREATE INDEX usage_counters_key ON usage_counters (kid, hour) WHERE kid <> 0;
CREATE INDEX usage_counters_consumer ON usage_counters (consumer, hour) WHERE consumer <> 0;
-- Months have partitions of their own, made ahead; this one takes what no
-- month's does, and stays empty.
CREATE TABLE usage_counters_rest PARTITION OF usage_counters DEFAULT;

-- +goose StatementBegin
CREATE FUNCTION usage_counters_rise() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.billed < OLD.billed OR NEW.c2xx < OLD.c2xx OR NEW.c3xx < OLD.c3xx OR NEW.c4xx < OLD.c4xx
        OR NEW.c5xx < OLD.c5xx OR NEW.refused < OLD.refused OR NEW.bytes_in < OLD.bytes_in
        OR NEW.bytes_out < OLD.bytes_out OR NEW.seq < OLD.seq THEN
        RAISE EXCEPTION 'a usage total never falls' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER usage_counters_rise BEFORE UPDATE ON usage_counters
    FOR EACH ROW EXECUTE FUNCTION usage_counters_rise();

CREATE TABLE usage_minutes (
    gateway   bigint NOT NULL,
    minute    bigint NOT NULL,
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
    PRIMARY KEY (gateway, minute, route, kid, consumer)
);
CREATE INDEX usage_minutes_minute ON usage_minutes (minute);

CREATE TABLE usage_statuses (
    source_id bigint NOT NULL,
    hour      bigint NOT NULL,
    gateway   bigint NOT NULL,
    route     bigint NOT NULL,
    status    bigint NOT NULL,
    count     bigint NOT NULL CHECK (count >= 0),
    PRIMARY KEY (gateway, hour, route, status, source_id)
);

CREATE TABLE usage_status_minutes (
    gateway bigint NOT NULL,
    minute  bigint NOT NULL,
    route   bigint NOT NULL,
    status  bigint NOT NULL,
    count   bigint NOT NULL,
    PRIMARY KEY (gateway, minute, route, status)
);
CREATE INDEX usage_status_minutes_minute ON usage_status_minutes (minute);

-- Histograms are text: "bucket:count" pairs of the buckets that are not zero.
CREATE TABLE usage_latencies (
    source_id bigint NOT NULL,
    hour      bigint NOT NULL,
    gateway   bigint NOT NULL,
    route     bigint NOT NULL,
    edge      text NOT NULL,
    upstream  text NOT NULL,
    PRIMARY KEY (gateway, hour, route, source_id)
);

CREATE TABLE usage_latency_minutes (
    gateway  bigint NOT NULL,
    minute   bigint NOT NULL,
    route    bigint NOT NULL,
    edge     text NOT NULL,
    upstream text NOT NULL,
    PRIMARY KEY (gateway, minute, route)
);
CREATE INDEX usage_latency_minutes_minute ON usage_latency_minutes (minute);

-- Access logs, lossy and kept for as long as the organization's plan says.
-- `outcome` is 0 ok, 1 refused by the edge, 2 failed.
CREATE TABLE access_logs (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization bigint NOT NULL,
    gateway      bigint NOT NULL,
    at           bigint NOT NULL,
    request_id   text NOT NULL,
    edge         text NOT NULL,
    route        text NOT NULL,
    consumer     text NOT NULL,
    kid          text NOT NULL,
    method       text NOT NULL,
    path         text NOT NULL,
    client       text NOT NULL,
    status       bigint NOT NULL,
    code         text NOT NULL,
    outcome      bigint NOT NULL,
    record       text NOT NULL,
    UNIQUE (gateway, request_id, edge, at)
);
CREATE INDEX access_logs_gateway ON access_logs (gateway, id);
CREATE INDEX access_logs_at ON access_logs (organization, at);

-- +goose Down
DROP TABLE access_logs;
DROP TABLE usage_latency_minutes;
DROP TABLE usage_latencies;
DROP TABLE usage_status_minutes;
DROP TABLE usage_statuses;
DROP TABLE usage_minutes;
DROP TABLE usage_counters;
DROP FUNCTION usage_counters_rise();
DROP TABLE usage_sources;
