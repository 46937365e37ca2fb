-- Since when a telemetry destination fails (Unix milliseconds; 0: it does not), which
-- alerts watch.

-- +goose Up
ALTER TABLE telemetry_states ADD COLUMN failing_since integer NOT NULL DEFAULT 0;
UPDATE telemetry_states SET failing_since = last_failure WHERE failures > 0;

-- +goose Down
ALTER TABLE telemetry_states DROP COLUMN failing_since;
