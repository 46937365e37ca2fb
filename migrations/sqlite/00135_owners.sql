-- Whose a part of a configuration is, for tools that keep what is written elsewhere:
-- empty for nobody's.

-- +goose Up
ALTER TABLE gateways ADD COLUMN managed_by text NOT NULL DEFAULT '';
ALTER TABLE upstreams ADD COLUMN managed_by text NOT NULL DEFAULT '';
ALTER TABLE routes ADD COLUMN managed_by text NOT NULL DEFAULT '';
ALTER TABLE usage_plans ADD COLUMN managed_by text NOT NULL DEFAULT '';
ALTER TABLE streams ADD COLUMN managed_by text NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE streams DROP COLUMN managed_by;
ALTER TABLE usage_plans DROP COLUMN managed_by;
ALTER TABLE routes DROP COLUMN managed_by;
ALTER TABLE upstreams DROP COLUMN managed_by;
ALTER TABLE gateways DROP COLUMN managed_by;
