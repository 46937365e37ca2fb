-- What lists are searched, filtered and ordered by. `search` is lower-case text,
-- `tags` holds exact words between spaces (" upstream:NAME "); both are written
-- with the document they are taken from.

-- +goose Up
ALTER TABLE routes ADD COLUMN search text NOT NULL DEFAULT '', ADD COLUMN tags text NOT NULL DEFAULT '';
ALTER TABLE upstreams ADD COLUMN search text NOT NULL DEFAULT '', ADD COLUMN tags text NOT NULL DEFAULT '';
ALTER TABLE usage_plans ADD COLUMN search text NOT NULL DEFAULT '', ADD COLUMN tags text NOT NULL DEFAULT '';
UPDATE usage_plans SET search = lower(name);
UPDATE upstreams SET search = lower(name || E'\n' || (
    SELECT coalesce(string_agg(t ->> 'url', E'\n'), '') FROM jsonb_array_elements(document::jsonb -> 'targets') t));
UPDATE routes SET
    search = lower(concat_ws(E'\n', name, document::jsonb #>> '{match,path}', document::jsonb ->> 'upstream', (
        SELECT string_agg(h, E'\n') FROM jsonb_array_elements_text(document::jsonb #> '{match,hosts}') h))),
    tags = concat(
        ' upstream:' || (document::jsonb ->> 'upstream') || ' ',
        (SELECT string_agg(' method:' || m || ' ', '') FROM jsonb_array_elements_text(document::jsonb #> '{match,methods}') m),
        (SELECT string_agg(' policy:' || (p ->> 'type') || ' ', '') FROM jsonb_array_elements(document::jsonb -> 'policies') p));

CREATE INDEX consumers_created ON consumers (gateway_id, created_at, id);
CREATE INDEX consumers_updated ON consumers (gateway_id, updated_at, id);
CREATE INDEX api_keys_updated ON api_keys (gateway_id, updated_at, kid);
CREATE INDEX api_keys_name ON api_keys (gateway_id, name, kid);

-- +goose Down
DROP INDEX api_keys_name;
DROP INDEX api_keys_updated;
DROP INDEX consumers_updated;
DROP INDEX consumers_created;
ALTER TABLE usage_plans DROP COLUMN search, DROP COLUMN tags;
ALTER TABLE upstreams DROP COLUMN search, DROP COLUMN tags;
ALTER TABLE routes DROP COLUMN search, DROP COLUMN tags;
