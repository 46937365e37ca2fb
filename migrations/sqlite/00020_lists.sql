-- What lists are searched, filtered and ordered by. `search` is lower-case text,
-- `tags` holds exact words between spaces (" upstream:NAME "); both are written
-- with the document they are taken from.

-- +goose Up
ALTER TABLE routes ADD COLUMN search text NOT NULL DEFAULT '';
ALTER TABLE routes ADD COLUMN tags text NOT NULL DEFAULT '';
ALTER TABLE upstreams ADD COLUMN search text NOT NULL DEFAULT '';
ALTER TABLE upstreams ADD COLUMN tags text NOT NULL DEFAULT '';
ALTER TABLE usage_plans ADD COLUMN search text NOT NULL DEFAULT '';
ALTER TABLE usage_plans ADD COLUMN tags text NOT NULL DEFAULT '';
UPDATE usage_plans SET search = lower(name);
UPDATE upstreams SET search = lower(name || char(10) || (
    SELECT coalesce(group_concat(value ->> '$.url', char(10)), '') FROM json_each(document, '$.targets')));
UPDATE routes SET
    search = lower(name || char(10) || coalesce(document ->> '$.match.path', '') || char(10) || coalesce(document ->> '$.upstream', '')
        || coalesce(char(10) || (SELECT group_concat(value, char(10)) FROM json_each(document, '$.match.hosts')), '')),
    tags = coalesce(' upstream:' || (document ->> '$.upstream') || ' ', '')
        || coalesce((SELECT group_concat(' method:' || value || ' ', '') FROM json_each(document, '$.match.methods')), '')
        || coalesce((SELECT group_concat(' policy:' || (value ->> '$.type') || ' ', '') FROM json_each(document, '$.policies')), '');

CREATE INDEX consumers_created ON consumers (gateway_id, created_at, id);
CREATE INDEX consumers_updated ON consumers (gateway_id, updated_at, id);
CREATE INDEX api_keys_updated ON api_keys (gateway_id, updated_at, kid);
CREATE INDEX api_keys_name ON api_keys (gateway_id, name, kid);

-- +goose Down
DROP INDEX api_keys_name;
DROP INDEX api_keys_updated;
DROP INDEX consumers_updated;
DROP INDEX consumers_created;
ALTER TABLE usage_plans DROP COLUMN tags;
ALTER TABLE usage_plans DROP COLUMN search;
ALTER TABLE upstreams DROP COLUMN tags;
ALTER TABLE upstreams DROP COLUMN search;
ALTER TABLE routes DROP COLUMN tags;
ALTER TABLE routes DROP COLUMN search;
