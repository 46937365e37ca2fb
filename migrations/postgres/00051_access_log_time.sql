-- Access logs are listed by the time of the request, not by when they arrived.

-- +goose Up
CREATE INDEX access_logs_time ON access_logs (gateway, at, id);

-- +goose Down
DROP INDEX access_logs_time;
