-- Routes with a release that is not at its end, which the worker looks at every few
-- seconds. The condition stands in its query word for word.

-- +goose Up
CREATE INDEX routes_releasing ON routes (id) WHERE REPLACE(tags, ' release:running ', '') <> tags;

-- +goose Down
DROP INDEX routes_releasing;
