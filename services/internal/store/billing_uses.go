package store

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// BillingUses reads the usage counters behind the ledger of hours.
type BillingUses struct {
	DB *DB
	// KeysAtOnce is how many keys Keys holds in memory; 0: a million.
	KeysAtOnce int
}

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

// keysAtOnce is how many keys are summed at once, in some 60 bytes each.
const keysAtOnce = 1 << 20

// Keys sums what was billed by key, some hours at a time: a whole month of a busy
// organization takes longer than one read may. Of more keys than it holds at once it
// sums a part, and reads the hours again for each other one.
func (b BillingUses) Keys(ctx context.Context, org core.OrganizationID, p billing.Period, limit int) (keys []billing.KeyUse, others int64, err error) {
	best := ranking{limit: limit}
	for parts := []keyPart{{}}; len(parts) > 0; {
		part := parts[len(parts)-1]
		parts = parts[:len(parts)-1]
		sums := map[useKey]int64{}
		for from := p.Start; from < p.End; from += usePage {
			err := b.sumKeys(ctx, org, billing.Period{Start: from, End: min(from+usePage, p.End)}, part, func(k useKey, n int64) {
				if !part.holds(k) {
					return // since the part was split
				}
				if sums[k] = billing.Add(sums[k], n); len(sums) <= cmp.Or(b.KeysAtOnce, keysAtOnce) || part.mask >= finestPart {
					return
				}
				var later keyPart
				part, later = part.split()
				parts = append(parts, later)
				maps.DeleteFunc(sums, func(k useKey, _ int64) bool { return !part.holds(k) })
			})
			if err != nil {
				return nil, 0, err
			}
		}
		for k, n := range sums {
			best.add(k, n)
		}
	}
	best.cut()
	keys, err = b.named(ctx, best.top)
	return keys, best.others, err
}

// sumKeys calls each for what was billed by key in some hours.
func (b BillingUses) sumKeys(ctx context.Context, org core.OrganizationID, p billing.Period, part keyPart, each func(useKey, int64)) error {
	return b.DB.View(ctx, func(db *gorm.DB) error {
		rows, err := db.Raw(`SELECT u.gateway, u.consumer, u.kid, `+sumBilled+` FROM usage_counters u
			WHERE u.organization = `+organizationNum+` AND u.hour >= ? AND u.hour < ? AND u.billed > 0
				AND (((u.gateway & ?) + (u.consumer & ?) + (u.kid & ?)) & ?) = ? GROUP BY u.gateway, u.consumer, u.kid`,
			string(org), p.Start, p.End, part.mask, part.mask, part.mask, part.mask, part.part).Rows()
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var k useKey
			var high, low int64
			if err := rows.Scan(&k.gateway, &k.consumer, &k.kid, &high, &low); err != nil {
				return err
			}
			each(k, joined(uint64(high), uint64(low)))
		}
		return rows.Err()
	})
}

// useKey is what usage is summed by.
type useKey struct{ gateway, consumer, kid int64 }

// keyPart is a part of all keys: those whose numbers, masked, sum to it. The zero
// keyPart is all of them.
type keyPart struct{ mask, part int64 }

// finestPart is the mask of a part that is split no more: what is in one of 65,536 is
// not split by its numbers.
const finestPart = 1<<16 - 1

func (p keyPart) holds(k useKey) bool {
	return (k.gateway&p.mask+k.consumer&p.mask+k.kid&p.mask)&p.mask == p.part
}

// split halves a part.
func (p keyPart) split() (now, later keyPart) {
	mask := p.mask<<1 | 1
	return keyPart{mask, p.part}, keyPart{mask, p.part + p.mask + 1}
}

// ranking holds the keys that were used most.
type ranking struct {
	limit  int
	top    []keySum
	others int64 // sum of those that were cut off
}

type keySum struct {
	useKey
	requests int64
}

func (r *ranking) add(k useKey, n int64) {
	if r.top = append(r.top, keySum{k, n}); len(r.top) >= 2*r.limit+1000 {
		r.cut()
	}
}

// cut orders the keys and leaves the limit of them.
func (r *ranking) cut() {
	slices.SortFunc(r.top, func(x, y keySum) int {
		return cmp.Or(cmp.Compare(y.requests, x.requests), cmp.Compare(x.gateway, y.gateway), cmp.Compare(x.consumer, y.consumer), cmp.Compare(x.kid, y.kid))
	})
	n := min(r.limit, len(r.top))
	for _, k := range r.top[n:] {
		r.others = billing.Add(r.others, k.requests)
	}
	r.top = r.top[:n]
}

// named adds the names that there still are to sums.
func (b BillingUses) named(ctx context.Context, sums []keySum) (keys []billing.KeyUse, err error) {
	gateways, consumers := make([]int64, len(sums)), make([]int64, len(sums))
	for i, k := range sums {
		gateways[i], consumers[i] = k.gateway, k.consumer
	}
	err = b.DB.View(ctx, func(db *gorm.DB) error {
		gatewayNames, err := namesOf(db, "gateways", gateways)
		if err != nil {
			return err
		}
		names, err := namesOf(db, "consumers", consumers)
		keys = nil
		for _, k := range sums {
			r := useRow{Gateway: k.gateway, Consumer: k.consumer, Kid: k.kid, GatewayName: gatewayNames[k.gateway], Name: names[k.consumer]}
			one := r.key()
			one.Requests = k.requests
			keys = append(keys, one)
		}
		return err
	})
	return keys, err
}

// namesOf reads the names that there still are in a table, by number.
func namesOf(db *gorm.DB, table string, nums []int64) (map[int64]*string, error) {
	slices.Sort(nums)
	var rows []struct {
		Num  int64
		Name string
	}
	err := db.Table(table).Select("num, name").Where("num IN ?", slices.Compact(nums)).Scan(&rows).Error
	out := make(map[int64]*string, len(rows))
	for i := range rows {
		out[rows[i].Num] = &rows[i].Name
	}
	return out, err
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
			Plan    string
			Cents   int64
			Dropped bool
		}
		err = db.Raw(`SELECT plan, dropped_at <> 0 AS dropped, CAST(SUM(cents) AS bigint) AS cents FROM billing_adjustments
			WHERE organization_id = ? AND period_start >= ? AND period_start < ? GROUP BY plan, dropped_at <> 0`, string(org), p.Start*3600_000, p.End*3600_000).Scan(&rows).Error
		f.Adjusted, f.Dropped = make(map[string]int64, len(rows)), map[string]int64{}
		for _, r := range rows {
			if r.Dropped {
				f.Dropped[r.Plan] = r.Cents
			} else {
				f.Adjusted[r.Plan] = r.Cents
			}
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
