-- Indexes of queues that are asked every few seconds. Who paid once keeps hours that are
-- never posted, those on plans without a price: without the plan in the index they were
-- all read for each look. And the edges page asks when the revision after an edge's was
-- made.

-- +goose Up
DROP INDEX billing_hours_unposted;
CREATE INDEX billing_hours_unposted ON billing_hours (organization, plan, hour) WHERE posted < total;
CREATE INDEX outbox_rev ON outbox (rev, created_at) WHERE sent_at > 0;

-- +goose Down
DROP INDEX outbox_rev;
DROP INDEX billing_hours_unposted;
CREATE INDEX billing_hours_unposted ON billing_hours (organization, hour) WHERE posted < total;
