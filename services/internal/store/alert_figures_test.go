package store_test

import (
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/internal/store"
)

// TestQuotaUse: a key with a quota of its own counts under it and not under its
// consumer's usage plan; one with a plan of its own counts under that; and keys
// that followed one another by rotation count together.
func TestQuotaUse(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, u *store.Usage) {
		for _, q := range []string{
			`INSERT INTO usage_plans (id, organization_id, gateway_id, name, document, revision, created_at, updated_at) VALUES ('up_1', 'org_a', 'gw_a', 'basic', '{}', 1, 0, 0), ('up_2', 'org_a', 'gw_a', 'gold', '{}', 1, 0, 0)`,
			`UPDATE consumers SET usage_plan_id = 'up_1' WHERE id = 'co_1'`,
			`INSERT INTO api_keys (kid, shard, organization_id, gateway_id, consumer_id, usage_plan_id, name, test, hash, pepper, scopes, state, version, created_by, created_at, updated_at, limits, limits_of, rotated_to) VALUES
				(78, 0, 'org_a', 'gw_a', 'co_1', NULL, 'old', false, '', 1, '', 2, 1, '', 0, 0, '{"quota":{"limit":50,"period":"day"}}', 0, 79),
				(79, 0, 'org_a', 'gw_a', 'co_1', NULL, 'new', false, '', 1, '', 1, 1, '', 1, 0, '{"quota":{"limit":50,"period":"day"}}', 78, 0),
				(80, 0, 'org_a', 'gw_a', 'co_1', 'up_2', 'golden', false, '', 1, '', 1, 1, '', 0, 0, '', 0, 0),
				(81, 0, 'org_a', 'gw_a', 'co_1', NULL, 'slow', false, '', 1, '', 1, 1, '', 0, 0, '{"rate_limit":{"rate":5}}', 0, 0)`,
		} {
			if err := u.DB.Tx(t.Context(), func(t *store.Txn) error { return t.Exec(q).Error }); err != nil {
				t.Fatal(err)
			}
		}
		apply(t, u, batch(writA, 1, usageNow, counter(1, 77, 5, 5), counter(1, 78, 7, 7), counter(2, 79, 11, 11), counter(1, 80, 13, 13), counter(1, 81, 17, 17), counter(1, 0, 19, 19)))
		a := store.AlertFigures{Usage: u}
		f := store.QuotaFilter{Organization: "org_a", Gateway: "gw_a"}
		day := usageNow.Truncate(24 * time.Hour)
		for plan, want := range map[string]int64{"basic": 5 + 17 + 19, "gold": 13} {
			of := f
			of.Plan = plan
			for _, of.Consumer = range []string{"", "acme"} {
				if name, used, err := a.PlanUse(t.Context(), of, day, usageNow); name != "acme" || used != want || err != nil {
					t.Errorf("of plan %s: %q has used %d (%v), want %d", plan, name, used, err, want)
				}
			}
			of.Consumer = "other"
			if name, _, err := a.PlanUse(t.Context(), of, day, usageNow); name != "" || err != nil {
				t.Errorf("somebody else: %q, %v", name, err)
			}
		}
		of := f
		of.Consumer = "acme"
		if plans, err := a.Plans(t.Context(), of); len(plans) != 2 || plans[0] != "basic" || plans[1] != "gold" || err != nil {
			t.Errorf("the consumer counts under %v, %v", plans, err)
		}
		for _, of := range []store.QuotaFilter{of, {Organization: "org_a", Gateway: "gw_a", Plan: "basic"}} {
			keys, err := a.OwnQuotas(t.Context(), of)
			want := store.KeyQuota{CountedAs: 78, Key: 79, Name: "new", Consumer: "acme", Quota: contract.Quota{Limit: 50, Period: "day"}}
			if err != nil || len(keys) != 1 || keys[0] != want {
				t.Errorf("own quotas: %+v, %v", keys, err)
			}
		}
		if used, err := a.KeyUse(t.Context(), f, day, usageNow); err != nil || used[78] != 18 || used[80] != 0 {
			t.Errorf("keys have used %v, %v", used, err)
		}
		wrong := store.QuotaFilter{Organization: "org_b", Gateway: "gw_a", Consumer: "acme"}
		keys, err1 := a.OwnQuotas(t.Context(), wrong)
		used, err2 := a.KeyUse(t.Context(), wrong, day, usageNow)
		plans, err3 := a.Plans(t.Context(), wrong)
		if len(keys)+len(used)+len(plans) != 0 || err1 != nil || err2 != nil || err3 != nil {
			t.Errorf("another organization reads %v %v %v", keys, used, plans)
		}
	})
}
