package chaos

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// billed is what the database has for the run's keys.
func (r *failRun) billed() map[cell]int64 {
	r.t.Helper()
	var all []int64
	for _, kids := range r.kids {
		all = append(all, kids...)
	}
	rows, err := r.db.Query("SELECT organization, hour, route, kid, CAST(SUM(billed) AS bigint) FROM usage_counters WHERE kid = ANY($1) GROUP BY 1, 2, 3, 4 HAVING SUM(billed) > 0", all)
	must(r.t, err)
	defer rows.Close()
	out := map[cell]int64{}
	for rows.Next() {
		var c cell
		var n int64
		must(r.t, rows.Scan(&c.organization, &c.hour, &c.route, &c.kid, &n))
		out[c] = n
	}
	must(r.t, rows.Err())
	return out
}

// drained waits until the database has all that the edges hold.
func (r *failRun) drained() {
	r.t.Helper()
	time.Sleep(2500 * time.Millisecond) // they have looked at their counters since
	r.until(90*time.Second, func() error {
		for _, e := range r.Edges {
			for _, s := range harness.Scrape(r.t, fmt.Sprintf("http://127.0.0.1:%d/metrics", e.Admin)) {
				if (s.Name == "tollgate_edge_usage_unacknowledged" || s.Name == "tollgate_edge_usage_former_files") && s.Value != 0 {
					return fmt.Errorf("%s: %s is %v", e.ID, s.Name, s.Value)
				}
			}
		}
		return nil
	})
}

// failRow is a line of the table of results.
type failRow struct {
	point               string
	runs, deaths        int
	served, billed      int64
	lost, double, bound int64
}

// judge holds what is billed against what was received, by organization, hour, route
// and key: the same, but for what was in flight when an edge died.
func (r *failRun) judge() {
	r.t.Helper()
	r.drained()
	billed := r.billed()
	row := failRow{point: string(r.point.point) + r.point.what, runs: 1, deaths: r.deaths}
	cells := map[cell]bool{}
	for c, n := range r.got {
		cells[c], row.served = true, row.served+n
	}
	for c, n := range billed {
		cells[c], row.billed = true, row.billed+n
	}
	for c := range cells {
		if d := r.got[c] - billed[c]; d > 0 {
			row.lost += d
		} else {
			row.double -= d
		}
	}
	if r.point.role == "edge" {
		row.bound = int64(r.deaths * callers / 2)
	}
	seen := r.backend.Counts(r.t).Requests - r.before
	switch {
	case row.lost+row.double > row.bound:
		r.t.Errorf("received %d, billed %d: %d too few and %d too many, at most %d were in flight\nreceived %v\nbilled %v", row.served, row.billed, row.lost, row.double, row.bound, r.got, billed)
	case row.billed > seen:
		r.t.Errorf("billed %d, the backend answered %d", row.billed, seen)
	case row.served < 50:
		r.t.Errorf("%d requests are no load: %v", row.served, r.other)
	}
	if r.deaths == 0 || r.point.role != "edge" {
		for what, n := range r.other {
			if !r.point.may(what) {
				r.t.Errorf("%d times: %s", n, what)
			}
		}
	}
	r.rows = append(r.rows, row)
	r.t.Logf("%d served, %d billed, %d at the backend, otherwise %v", row.served, row.billed, seen, r.other)
	r.hoursAgree()
}

// hoursAgree waits until the ledger's hours are what the counters sum to.
func (s *failSite) hoursAgree() {
	s.t.Helper()
	s.until(30*time.Second, func() error {
		n := s.number(`SELECT count(*) FROM (SELECT organization, hour, plan, SUM(billed) AS n FROM usage_counters WHERE billed > 0 GROUP BY 1, 2, 3) c
			FULL JOIN billing_hours h ON h.organization = c.organization AND h.hour = c.hour AND h.plan = c.plan WHERE c.n IS DISTINCT FROM h.total`)
		if n != 0 {
			return fmt.Errorf("%d hours are not what was counted", n)
		}
		return nil
	})
}

// atStripe waits until all that has ended is posted, and holds Stripe's hours against
// the ledger's.
func (s *failSite) atStripe() {
	s.t.Helper()
	s.until(60*time.Second, func() error {
		if n := s.number("SELECT count(*) FROM billing_hours WHERE posted <> total AND hour < $1", s.now().Unix()/3600); n != 0 {
			return fmt.Errorf("%d hours are not posted", n)
		}
		return nil
	})
	for _, o := range s.tenants {
		got := s.fake.Usage(o.customer, failUsage)
		rows, err := s.db.Query("SELECT hour, total FROM billing_hours WHERE organization = $1 AND posted > 0", o.num)
		must(s.t, err)
		n := 0
		for ; rows.Next(); n++ {
			var hour, total int64
			must(s.t, rows.Scan(&hour, &total))
			if got[hour*3600] != total && hour < s.now().Unix()/3600 {
				s.t.Errorf("%s: Stripe has %d in hour %d, the ledger %d", o.name, got[hour*3600], hour, total)
			}
		}
		must(s.t, rows.Close())
		if n != len(got) {
			s.t.Errorf("%s: Stripe has %d hours, the ledger posted %d", o.name, len(got), n)
		}
	}
}

// books lets the billing period pass and holds Stripe's invoices against the ledger,
// and the ledger against its own rules.
func (s *failSite) books() {
	s.jump()
	s.hoursAgree()
	s.atStripe()
	for _, o := range s.tenants {
		n := int64(0)
		for _, hour := range s.fake.Usage(o.customer, failUsage) {
			n += hour
		}
		if want := s.number("SELECT COALESCE(CAST(SUM(billed) AS bigint), 0) FROM usage_counters WHERE organization = $1 AND plan = 2", o.num); n != want || n == 0 {
			s.t.Errorf("%s: Stripe has %d, %d were counted", o.name, n, want)
		}
	}
	end, err := time.Parse(time.RFC3339, s.tenants[0].Must("GET", "/v1/subscription", nil)["period_end"].(string))
	must(s.t, err)
	for _, at := range []time.Time{end.Add(time.Minute), end.Add(3 * time.Hour)} {
		s.moveTo(at)
		s.until(20*time.Second, s.deliver)
	}
	for _, o := range s.tenants {
		s.until(30*time.Second, func() error { return s.invoiced(o) })
	}
	// A worker that starts asks at once what must hold of the books.
	s.Worker.Kill()
	must(s.t, s.Worker.Start())
	s.WaitWorker()
	time.Sleep(2 * time.Second)
	rules := 0
	for _, m := range harness.Scrape(s.t, s.WorkerURL+"/metrics") {
		if m.Name == "tollgate_billing_broken_invariant_rows" {
			if rules++; m.Value != 0 {
				s.t.Errorf("%v: %v rows", m.Labels, m.Value)
			}
		}
	}
	if rules == 0 {
		s.t.Error("no rule of the books was asked")
	}
}

// invoiced holds the usage on an organization's invoice of the cycle against its hours.
func (s *failSite) invoiced(o *failTenant) error {
	list, err := s.fake.Do("GET", "/v1/invoices", url.Values{"customer": {o.customer}, "limit": {"10"}})
	if err != nil {
		return err
	}
	for _, i := range list["data"].([]any) {
		i := i.(map[string]any)
		if i["billing_reason"] != "subscription_cycle" || i["status"] == "draft" {
			continue
		}
		lines, err := s.fake.Do("GET", "/v1/invoices/"+i["id"].(string)+"/lines", url.Values{"limit": {"100"}})
		if err != nil {
			return err
		}
		sum := 0.0
		for _, l := range lines["data"].([]any) {
			l := l.(map[string]any)
			price, _ := l["price"].(map[string]any)
			recurring, _ := price["recurring"].(map[string]any)
			if n, ok := l["quantity"].(float64); ok && recurring["usage_type"] == "metered" {
				sum += n
			}
		}
		if want := s.number("SELECT CAST(SUM(total) AS bigint) FROM billing_hours WHERE organization = $1 AND plan = 2", o.num); int64(sum) != want {
			return fmt.Errorf("%s: the invoice bills %v requests, the ledger has %d", o.name, sum, want)
		}
		s.t.Logf("%s: the invoice bills the %v requests of the ledger", o.name, sum)
		return nil
	}
	return fmt.Errorf("%s: no invoice of the period is final: %.300v", o.name, list)
}

// table prints what came of all runs.
func (s *failSite) table() {
	var out strings.Builder
	fmt.Fprintf(&out, "%-44s %5s %7s %9s %9s %5s %7s %9s\n", "point", "runs", "deaths", "received", "billed", "lost", "double", "in flight")
	sums := map[string]*failRow{}
	for _, r := range s.rows {
		sum := sums[r.point]
		if sum == nil {
			sum = &failRow{}
			sums[r.point] = sum
		}
		sum.runs, sum.deaths, sum.served, sum.billed = sum.runs+r.runs, sum.deaths+r.deaths, sum.served+r.served, sum.billed+r.billed
		sum.lost, sum.double, sum.bound = sum.lost+r.lost, sum.double+r.double, sum.bound+r.bound
	}
	for i := range failings {
		name := string(failings[i].point) + failings[i].what
		if r := sums[name]; r != nil {
			fmt.Fprintf(&out, "%-44s %5d %7d %9d %9d %5d %7d %9d\n", name, r.runs, r.deaths, r.served, r.billed, r.lost, r.double, r.bound)
		}
	}
	s.t.Logf("\n%s", out.String())
}
