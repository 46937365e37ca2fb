package billing

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Invariant is a query that must return no rows.
type Invariant struct {
	Name string
	// Cheap ones are asked by workers; the others read the whole ledger of usage.
	Cheap bool
	// SQL has @since in the place of the first hour that is looked at, where it would
	// read the ledger of hours.
	SQL string
}

// Invariants hold at every moment, whatever died on the way: what is noted to be
// done still is left out.
var Invariants = []Invariant{
	{"hour_is_its_counters", false, `SELECT c.organization, c.hour, c.plan FROM (
			SELECT organization, hour, plan, SUM(billed) AS total FROM usage_counters WHERE billed > 0 GROUP BY organization, hour, plan) AS c
		LEFT JOIN billing_hours h ON h.organization = c.organization AND h.hour = c.hour AND h.plan = c.plan
		WHERE (h.total IS NULL OR h.total <> c.total)
			AND NOT EXISTS (SELECT 1 FROM billing_dirty d WHERE d.organization = c.organization AND d.hour = c.hour)`},
	{"hour_was_counted", false, `SELECT h.organization, h.hour, h.plan FROM billing_hours h WHERE NOT EXISTS (
			SELECT 1 FROM usage_counters c WHERE c.organization = h.organization AND c.hour = h.hour AND c.plan = h.plan AND c.billed > 0)`},
	{"chain_has_the_totals", true, `SELECT h.organization, h.hour, h.plan FROM billing_hours h WHERE h.hour >= @since AND h.sealed_at <> 0 AND h.total <> COALESCE((
			SELECT c.total FROM billing_chain c WHERE c.organization = h.organization AND c.hour = h.hour AND c.plan = h.plan ORDER BY c.seq DESC LIMIT 1), -1)`},
	{"chain_has_no_others", true, `SELECT c.organization, c.seq FROM billing_chain c WHERE c.hour >= @since AND NOT EXISTS (
			SELECT 1 FROM billing_hours h WHERE h.organization = c.organization AND h.hour = c.hour AND h.plan = c.plan AND h.sealed_at <> 0 AND h.total >= c.total)`},
	{"chain_is_linked", true, `SELECT c.organization, c.seq FROM billing_chain c LEFT JOIN billing_chain p ON p.organization = c.organization AND p.seq = c.seq - 1
		WHERE c.hour >= @since AND (c.seq > 1 AND (p.hash IS NULL OR p.hash <> c.prev) OR c.seq = 1 AND c.prev <> '0000000000000000000000000000000000000000000000000000000000000000')`},
	{"chain_ends_at_its_head", true, `SELECT b.organization FROM billing_heads b WHERE b.seq > 0 AND NOT EXISTS (
			SELECT 1 FROM billing_chain c WHERE c.organization = b.organization AND c.seq = b.seq AND c.hash = b.hash)
		UNION ALL SELECT c.organization FROM billing_chain c LEFT JOIN billing_heads b ON b.organization = c.organization
			WHERE c.hour >= @since AND (b.seq IS NULL OR c.seq > b.seq)`},
	{"hour_is_in_one_period", true, `SELECT h.organization, h.hour FROM billing_hours h JOIN organizations o ON o.num = h.organization AND h.hour < o.period_end / 3600000
		WHERE h.hour >= @since AND (SELECT COUNT(*) FROM billing_periods p WHERE p.organization = h.organization AND p.start_hour <= h.hour AND p.end_hour > h.hour) <> 1`},
	{"periods_follow_each_other", true, `SELECT p.organization, p.start_hour FROM billing_periods p
		WHERE p.end_hour <> COALESCE((SELECT MIN(n.start_hour) FROM billing_periods n WHERE n.organization = p.organization AND n.start_hour > p.start_hour), p.end_hour)`},
	{"period_is_the_newest", true, `SELECT o.num FROM organizations o WHERE o.period_end / 3600000 > o.period_start / 3600000 AND NOT EXISTS (
			SELECT 1 FROM billing_periods p WHERE p.organization = o.num AND p.start_hour = o.period_start / 3600000 AND p.end_hour = o.period_end / 3600000)`},
	{"posted_was_counted", true, `SELECT organization, hour, plan FROM billing_hours WHERE hour >= @since AND (posted > total OR posted < 0)`},
	{"free_is_never_billed", true, `SELECT h.organization, h.hour FROM billing_hours h WHERE h.hour >= @since AND h.posted > 0 AND NOT EXISTS (
			SELECT 1 FROM billing_rates r WHERE r.plan = h.plan AND r.requests > 0 AND r.cents > 0)
		UNION ALL SELECT a.organization, a.period_start FROM billing_adjustments a WHERE a.cents > 0 AND NOT EXISTS (
			SELECT 1 FROM billing_rates r WHERE r.name = a.plan AND r.requests > 0 AND r.cents > 0)`},
	{"nothing_before_the_subscription", true, `SELECT h.organization, h.hour FROM billing_hours h WHERE h.hour >= @since AND h.posted > 0 AND NOT EXISTS (
			SELECT 1 FROM billing_posts p WHERE p.organization = h.organization AND h.hour >= p.since_hour)`},
	{"period_costs_what_the_ledger_says", true, settledWrong},
	{"period_is_billed_once", true, `SELECT i.organization, l.plan, l.period_start FROM billing_invoice_lines l JOIN billing_invoices i ON i.id = l.invoice
		WHERE l.kind = 'usage' AND l.quantity > 0 AND i.status NOT IN ('draft', 'void') GROUP BY i.organization, l.plan, l.period_start HAVING COUNT(DISTINCT i.id) > 1`},
	{"line_of_ours_is_billed_once", true, `SELECT l.key FROM billing_invoice_lines l WHERE l.key <> '' GROUP BY l.key HAVING COUNT(DISTINCT l.invoice) > 1`},
	{"line_of_ours_is_what_was_asked", true, `SELECT l.key FROM billing_invoice_lines l JOIN billing_adjustments a ON a.key = l.key WHERE l.amount <> a.cents`},
	{"one_subscription", true, `SELECT subscription FROM billing_accounts WHERE subscription <> '' GROUP BY subscription HAVING COUNT(*) > 1`},
	{"standing_has_a_debt", true, `SELECT a.organization FROM billing_accounts a WHERE a.standing <> 'good' AND NOT EXISTS (
			SELECT 1 FROM billing_invoices i WHERE i.organization = a.organization AND i.status IN ('open', 'uncollectible') AND i.amount_due > i.amount_paid)
		UNION ALL SELECT organization FROM billing_accounts WHERE standing = 'good' AND past_due_since <> 0`},
	{"suspended_by_billing_is_a_standing", true, `SELECT a.organization_id FROM billing_accounts a WHERE (a.standing = 'suspended') <> EXISTS (
			SELECT 1 FROM organization_suspensions s WHERE s.organization_id = a.organization_id AND s.suspended_by = 'billing')`},
	{"amounts_are_integers", true, `SELECT l.invoice FROM billing_invoice_lines l WHERE l.amount <> CAST(l.amount AS bigint) OR l.quantity < 0
		UNION ALL SELECT key FROM billing_adjustments WHERE cents <> CAST(cents AS bigint) OR cents = 0`},
}

// settledWrong are the plans of settled periods whose usage lines and adjustments are
// not what their hours cost: overage × cents / requests, rounded half up. A period is
// settled when its invoices are final and looked at, and no hour of it is noted.
const settledWrong = `WITH settled AS (
		SELECT p.organization, p.start_hour, p.end_hour, CASE WHEN x.since_hour > p.start_hour THEN x.since_hour ELSE p.start_hour END AS from_hour
		FROM billing_periods p JOIN billing_posts x ON x.organization = p.organization
		WHERE p.end_hour >= @since AND EXISTS (SELECT 1 FROM billing_invoices i WHERE i.checked_at <> 0 AND i.organization = p.organization AND i.period_start < i.period_end
				AND i.period_start / 3600000 < p.end_hour AND i.period_end / 3600000 >= p.end_hour AND i.status <> 'draft' AND i.period_end / 3600000 <= p.end_hour)
			AND NOT EXISTS (SELECT 1 FROM billing_invoices d WHERE d.organization = p.organization AND d.period_start < d.period_end
				AND d.period_start / 3600000 < p.end_hour AND d.period_end / 3600000 > p.start_hour
				AND (d.status = 'draft' OR d.checked_at = 0))
			AND NOT EXISTS (SELECT 1 FROM billing_late t WHERE t.organization = p.organization AND t.hour >= p.start_hour AND t.hour < p.end_hour)
			AND NOT EXISTS (SELECT 1 FROM billing_dirty t WHERE t.organization = p.organization AND t.hour >= p.start_hour AND t.hour < p.end_hour)
	), used AS (
		SELECT s.organization, s.start_hour, s.from_hour, h.plan, CAST(SUM(h.total) AS bigint) AS n
		FROM settled s JOIN billing_hours h ON h.organization = s.organization AND h.hour >= s.from_hour AND h.hour < s.end_hour
			AND NOT EXISTS (SELECT 1 FROM billing_gaps g WHERE g.organization = h.organization AND g.from_hour <= h.hour AND g.to_hour > h.hour)
		GROUP BY s.organization, s.start_hour, s.from_hour, h.plan
	), due AS (
		SELECT u.organization, u.start_hour, r.name AS plan,
			CASE WHEN r.requests > 0 AND u.n > r.included THEN ((u.n - r.included) * r.cents * 2 + r.requests) / (2 * r.requests) ELSE 0 END AS cents
		FROM used u JOIN billing_rates r ON r.plan = u.plan AND r.from_hour = (SELECT MAX(v.from_hour) FROM billing_rates v WHERE v.plan = u.plan AND v.from_hour <= u.from_hour)
		UNION ALL
		SELECT s.organization, s.start_hour, l.plan, -l.amount FROM settled s JOIN billing_invoices i ON i.organization = s.organization AND i.status <> 'draft'
			JOIN billing_invoice_lines l ON l.invoice = i.id AND l.kind = 'usage' AND l.period_start >= s.start_hour * 3600000 AND l.period_start < s.end_hour * 3600000
		UNION ALL
		SELECT s.organization, s.start_hour, a.plan, -a.cents FROM settled s JOIN billing_adjustments a ON a.organization = s.organization
			AND a.period_start >= s.start_hour * 3600000 AND a.period_start < s.end_hour * 3600000
	)
	SELECT organization, start_hour, plan FROM due GROUP BY organization, start_hour, plan HAVING SUM(cents) <> 0`

// InvariantStore counts rows that must not be.
type InvariantStore interface {
	// Wrong counts the rows of a query.
	Wrong(ctx context.Context, query string) (int64, error)
}

// Broken is how many rows of an invariant are wrong.
type Broken struct {
	Name string
	Rows int64
}

// Check asks the invariants, all or the cheap ones, of what is in hours since one (0:
// of the whole ledger), and returns how many rows of each are wrong: also of those
// that hold.
func (l *Ledger) Check(ctx context.Context, all bool, since int64) (out []Broken, err error) {
	var errs []error
	for i := range Invariants {
		v := &Invariants[i]
		if !all && !v.Cheap {
			continue
		}
		n, err := l.wrong.Wrong(ctx, strings.ReplaceAll(v.SQL, "@since", strconv.FormatInt(since, 10)))
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", v.Name, err))
			continue
		}
		out = append(out, Broken{v.Name, n})
	}
	return out, errors.Join(errs...)
}
