package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// AlertFigures reads what has been used of quotas.
type AlertFigures struct{ Usage *Usage }

// QuotaFilter chooses whose quotas are read: by the name of a consumer, or of the
// usage plan that a consumer or a key has.
type QuotaFilter struct {
	Organization   core.OrganizationID
	Gateway        string // id
	Consumer, Plan string
}

// ownQuota is the condition that a key has a quota of its own: in the JSON of its
// limits, which hold numbers and words of time besides.
const ownQuota = `k.limits LIKE '%"quota":%'`

// keyPlan is the usage plan that a key's requests count under.
const keyPlan = "COALESCE(k.usage_plan_id, c.usage_plan_id)"

// used selects, for each key and consumer of a gateway, the requests that were let
// through from a moment on, which lies on a full hour.
func used(f *QuotaFilter, from, to time.Time) (query string, args []any) {
	var b strings.Builder
	list := cover(from.Unix(), to.Truncate(time.Hour).Add(time.Hour).Unix(), spansToWeek)
	for i := range list {
		table, at, span := callerTable(&list[i], false)
		if i > 0 {
			b.WriteString(" UNION ALL ")
		}
		fmt.Fprintf(&b, `SELECT kid, consumer, c2xx + c3xx + c4xx + c5xx - refused AS used FROM %s
			WHERE gateway = (SELECT num FROM gateways WHERE organization_id = ? AND id = ?) AND %s >= ? AND %s < ?%s`, table, at, at, span)
		args = append(args, string(f.Organization), f.Gateway, list[i].from, list[i].to)
	}
	return b.String(), args
}

// PlanUse is the consumer with the most requests that counted under a usage plan:
// not those of keys with a quota of their own, but those of keys that have the
// plan in place of their consumer's.
func (a AlertFigures) PlanUse(ctx context.Context, f QuotaFilter, from, to time.Time) (consumer string, amount int64, err error) {
	query, args := used(&f, from, to)
	query = "SELECT c.name, CAST(SUM(x.used) AS bigint) AS used FROM (" + query + ") AS x JOIN consumers c ON c.num = x.consumer" +
		" LEFT JOIN api_keys k ON k.kid = x.kid AND x.kid <> 0" +
		" JOIN usage_plans p ON p.id = " + keyPlan + " AND p.organization_id = ? AND p.gateway_id = ? AND p.name = ?" +
		" WHERE (k.kid IS NULL OR NOT " + ownQuota + ")"
	args = append(args, string(f.Organization), f.Gateway, f.Plan)
	if f.Consumer != "" {
		query, args = query+" AND c.name = ?", append(args, f.Consumer)
	}
	var rows []struct {
		Name string
		Used int64
	}
	err = a.Usage.read(ctx, func(db *gorm.DB) error {
		return db.Raw(query+" GROUP BY c.name ORDER BY 2 DESC, 1 LIMIT 1", args...).Scan(&rows).Error
	})
	if err != nil || len(rows) == 0 {
		return "", 0, err
	}
	return rows[0].Name, rows[0].Used, nil
}

// Plans names the usage plans that requests of a consumer count under.
func (a AlertFigures) Plans(ctx context.Context, f QuotaFilter) (names []string, err error) {
	err = a.Usage.DB.View(ctx, func(db *gorm.DB) error {
		return db.Raw(`SELECT DISTINCT p.name FROM usage_plans p JOIN consumers c ON c.organization_id = ? AND c.gateway_id = ? AND c.name = ?
			WHERE p.id = c.usage_plan_id OR p.id IN (SELECT k.usage_plan_id FROM api_keys k WHERE k.consumer_id = c.id AND k.state = ?) ORDER BY 1`,
			string(f.Organization), f.Gateway, f.Consumer, int(contract.KeyActive)).Scan(&names).Error
	})
	return names, err
}

// KeyQuota is a key's own quota. Keys that followed one another by rotation share
// what is left: CountedAs is the number of the first of them, Key that of the newest.
type KeyQuota struct {
	CountedAs, Key uint64
	Name, Consumer string
	Quota          contract.Quota
}

// OwnQuotas lists the quotas that active keys have of their own, by key.
func (a AlertFigures) OwnQuotas(ctx context.Context, f QuotaFilter) ([]KeyQuota, error) {
	query := `SELECT CASE WHEN k.limits_of <> 0 THEN k.limits_of ELSE k.kid END AS counted, k.kid, k.name, c.name AS consumer, k.limits
		FROM api_keys k JOIN consumers c ON c.id = k.consumer_id WHERE k.organization_id = ? AND k.gateway_id = ? AND k.state = ? AND ` + ownQuota
	args := []any{string(f.Organization), f.Gateway, int(contract.KeyActive)}
	if f.Consumer != "" {
		query, args = query+" AND c.name = ?", append(args, f.Consumer)
	}
	if f.Plan != "" {
		query, args = query+" AND "+keyPlan+" IN (SELECT p.id FROM usage_plans p WHERE p.organization_id = ? AND p.gateway_id = ? AND p.name = ?)",
			append(args, string(f.Organization), f.Gateway, f.Plan)
	}
	var rows []struct {
		Counted, Kid           uint64
		Name, Consumer, Limits string
	}
	err := a.Usage.DB.View(ctx, func(db *gorm.DB) error {
		return db.Raw(query+" ORDER BY 1, k.created_at DESC", args...).Scan(&rows).Error
	})
	if err != nil {
		return nil, err
	}
	var out []KeyQuota
	for _, r := range rows {
		l, err := decodeLimits(r.Limits)
		if err != nil {
			return nil, fmt.Errorf("read limits of a key: %w", err)
		}
		if n := len(out); l.Quota != nil && (n == 0 || out[n-1].CountedAs != r.Counted) {
			out = append(out, KeyQuota{CountedAs: r.Counted, Key: r.Kid, Name: r.Name, Consumer: r.Consumer, Quota: *l.Quota})
		}
	}
	return out, nil
}

// KeyUse sums the requests that were let through by keys with a quota of their
// own, by the key that they are counted under.
func (a AlertFigures) KeyUse(ctx context.Context, f QuotaFilter, from, to time.Time) (map[uint64]int64, error) {
	query, args := used(&f, from, to)
	query = "SELECT CASE WHEN k.limits_of <> 0 THEN k.limits_of ELSE k.kid END AS kid, CAST(SUM(x.used) AS bigint) AS used FROM (" + query +
		") AS x JOIN api_keys k ON k.kid = x.kid WHERE k.organization_id = ? AND (" + ownQuota + " OR k.limits_of <> 0 OR k.rotated_to <> 0) GROUP BY 1"
	var rows []struct {
		Kid  uint64
		Used int64
	}
	err := a.Usage.read(ctx, func(db *gorm.DB) error {
		return db.Raw(query, append(args, string(f.Organization))...).Scan(&rows).Error
	})
	out := make(map[uint64]int64, len(rows))
	for _, r := range rows {
		out[r.Kid] = r.Used
	}
	return out, err
}

// Billed sums what an organization's gateways were billed from a day on.
func (a AlertFigures) Billed(ctx context.Context, org core.OrganizationID, from time.Time) (int64, error) {
	return a.Usage.Billed(ctx, org, from)
}
