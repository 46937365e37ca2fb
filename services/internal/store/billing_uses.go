package store

import (
	"context"
	"strconv"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// BillingUses reads the usage counters behind the ledger of hours.
type BillingUses struct{ DB *DB }

var (
	_ billing.UseStore       = BillingUses{}
	_ billing.AllowanceStore = BillingUses{}
)

// useRow is what was billed, with the names that there still are.
type useRow struct {
	Hour, Plan               int64
	Gateway, Consumer, Kid   int64
	RouteNum                 int64
	GatewayName, Route, Name *string
	High, Low                int64
	AllHigh, AllLow          int64 // of all keys
}

func (r *useRow) key() billing.KeyUse {
	k := billing.KeyUse{Gateway: nameOr(r.GatewayName, r.Gateway), Consumer: nameOr(r.Name, r.Consumer), Requests: joined(uint64(r.High), uint64(r.Low))}
	if uint64(r.Consumer) == contract.ConsumerUnmatched {
		k.Consumer = "unmatched"
	}
	if r.Kid != 0 {
		k.Key = "key_" + contract.FormatKID(uint64(r.Kid))
	}
	return k
}

// nameOr is a name, or the number of what is gone; empty for none.
func nameOr(name *string, num int64) string {
	switch {
	case name != nil:
		return *name
	case num == 0:
		return ""
	}
	return strconv.FormatInt(num, 10)
}

const sumBilled = "CAST(SUM(u.billed >> 32) AS bigint) AS high, CAST(SUM(u.billed & 4294967295) AS bigint) AS low"

// Keys sums what was billed by key, and all of it in the same read.
func (b BillingUses) Keys(ctx context.Context, org core.OrganizationID, p billing.Period, limit int) (keys []billing.KeyUse, others int64, err error) {
	err = b.DB.View(ctx, func(db *gorm.DB) error {
		var rows []useRow
		err := db.Raw(`SELECT x.*, g.name AS gateway_name, c.name,
				CAST(SUM(x.high) OVER () AS bigint) AS all_high, CAST(SUM(x.low) OVER () AS bigint) AS all_low FROM (
				SELECT u.gateway, u.consumer, u.kid, `+sumBilled+` FROM usage_counters u
				WHERE u.organization = `+organizationNum+` AND u.hour >= ? AND u.hour < ? AND u.billed > 0 GROUP BY u.gateway, u.consumer, u.kid) AS x
			LEFT JOIN gateways g ON g.num = x.gateway LEFT JOIN consumers c ON c.num = x.consumer
			ORDER BY x.high DESC, x.low DESC, x.gateway, x.consumer, x.kid LIMIT ?`, string(org), p.Start, p.End, limit).Scan(&rows).Error
		for i := range rows {
			if i == 0 {
				others = joined(uint64(rows[i].AllHigh), uint64(rows[i].AllLow))
			}
			k := rows[i].key()
			keys, others = append(keys, k), max(others-k.Requests, 0)
		}
		return err
	})
	return keys, others, err
}

// usePage is how many hours are read at once.
const usePage = 24

// EachUse reads what was billed, some hours at a time.
func (b BillingUses) EachUse(ctx context.Context, org core.OrganizationID, p billing.Period, each func(*billing.Use) error) error {
	for from := p.Start; from < p.End; from += usePage {
		var rows []useRow
		err := b.DB.View(ctx, func(db *gorm.DB) error {
			return db.Raw(`SELECT x.*, g.name AS gateway_name, c.name, r.name AS route FROM (
					SELECT u.hour, u.plan, u.gateway, u.route AS route_num, u.consumer, u.kid, `+sumBilled+` FROM usage_counters u
					WHERE u.organization = `+organizationNum+` AND u.hour >= ? AND u.hour < ? AND u.billed > 0
					GROUP BY u.hour, u.plan, u.gateway, u.route, u.consumer, u.kid) AS x
				LEFT JOIN gateways g ON g.num = x.gateway LEFT JOIN consumers c ON c.num = x.consumer LEFT JOIN routes r ON r.num = x.route_num
				ORDER BY x.hour, x.plan, x.gateway, x.route_num, x.consumer, x.kid`, string(org), from, min(from+usePage, p.End)).Scan(&rows).Error
		})
		if err != nil {
			return err
		}
		for i := range rows {
			r := &rows[i]
			u := billing.Use{Hour: r.Hour, Plan: uint32(r.Plan), Route: nameOr(r.Route, r.RouteNum), KeyUse: r.key()}
			if err := each(&u); err != nil {
				return err
			}
		}
	}
	return nil
}

// Facts reads what a statement says beside hours.
func (b BillingUses) Facts(ctx context.Context, org core.OrganizationID, p billing.Period) (f billing.StatementFacts, err error) {
	err = b.DB.View(ctx, func(db *gorm.DB) error {
		if f.Rates, err = rates(db); err != nil {
			return err
		}
		err := db.Raw(`SELECT COALESCE(MAX(COALESCE(x.since_hour, a.subscribed_at / 3600000)), 0) FROM billing_accounts a
			LEFT JOIN billing_posts x ON x.organization = a.organization WHERE a.organization_id = ? AND a.subscribed_at > 0`, string(org)).Scan(&f.Since).Error
		if err != nil {
			return err
		}
		var without []gapRow
		err = db.Where("organization = "+organizationNum+" AND from_hour < ? AND to_hour > ?", string(org), p.End, p.Start).Order("from_hour").Find(&without).Error
		if err != nil {
			return err
		}
		f.Gaps = convert(without, (*gapRow).domain)
		var rows []struct {
			Plan  string
			Cents int64
		}
		err = db.Raw(`SELECT plan, CAST(SUM(cents) AS bigint) AS cents FROM billing_adjustments
			WHERE organization_id = ? AND period_start >= ? AND period_start < ? GROUP BY plan`, string(org), p.Start*3600_000, p.End*3600_000).Scan(&rows).Error
		f.Adjusted = make(map[string]int64, len(rows))
		for _, r := range rows {
			f.Adjusted[r.Plan] = r.Cents
		}
		return err
	})
	return f, err
}

// Allowances reads what bounds organizations beside their plans.
func (b BillingUses) Allowances(ctx context.Context, nums []uint64) (out map[uint64]billing.Allowance, err error) {
	err = b.DB.View(ctx, func(db *gorm.DB) error {
		out, err = allowances(db, nums)
		return err
	})
	return out, err
}
