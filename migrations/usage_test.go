package migrations

import (
	"testing"
)

// TestCallersAreFilledAndGrow: the sums of callers that a migration makes are those
// of the days that are there already, and follow whoever writes days from then on:
// the release before this one too.
func TestCallersAreFilledAndGrow(t *testing.T) {
	onBoth(t, func(t *testing.T, databaseURL string) {
		ctx := t.Context()
		r := open(t, databaseURL)
		if _, err := r.Up(ctx); err != nil {
			t.Fatal(err)
		}
		for {
			s, err := r.Down(ctx)
			if err != nil || s == nil {
				t.Fatalf("down: %+v, %v", s, err)
			}
			if s.Version == 50 {
				break
			}
		}
		exec := func(q string) {
			t.Helper()
			if _, err := r.db.ExecContext(ctx, q); err != nil {
				t.Fatalf("%s: %v", q, err)
			}
		}
		const columns = "INSERT INTO usage_days (gateway, day, route, kid, consumer, billed, c2xx, c3xx, c4xx, c5xx, refused, bytes_in, bytes_out) VALUES "
		exec(columns + "(1, 20000, 1, 7, 3, 1, 2, 3, 4, 5, 6, 7, 8), (1, 20000, 2, 7, 3, 10, 20, 30, 40, 50, 60, 70, 80), (1, 20005, 1, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9)")
		if _, err := r.Up(ctx); err != nil {
			t.Fatal(err)
		}
		same := func(when string) {
			t.Helper()
			const sums = "SUM(billed), SUM(c2xx), SUM(c3xx), SUM(c4xx), SUM(c5xx), SUM(refused), SUM(bytes_in), SUM(bytes_out)"
			for kept, days := range map[string]string{
				"SELECT gateway, at, kid, consumer, " + sums + " FROM usage_callers WHERE span = 1440 GROUP BY 1, 2, 3, 4":            "SELECT gateway, day, kid, consumer, " + sums + " FROM usage_days GROUP BY 1, 2, 3, 4",
				"SELECT gateway, at, kid, consumer, " + sums + " FROM usage_callers WHERE span = 10080 GROUP BY 1, 2, 3, 4":           "SELECT gateway, day / 7, kid, consumer, " + sums + " FROM usage_days GROUP BY 1, 2, 3, 4",
				"SELECT gateway, at, route, " + sums + " FROM usage_sums WHERE span = 10080 AND part = 1 GROUP BY gateway, at, route": "SELECT gateway, day / 7, route, " + sums + " FROM usage_days GROUP BY 1, 2, 3",
			} {
				for _, q := range []string{kept + " EXCEPT " + days, days + " EXCEPT " + kept} {
					var n int
					if err := r.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM ("+q+") AS x").Scan(&n); err != nil || n != 0 {
						t.Errorf("%s: %d rows differ (%v): %s", when, n, err, q)
					}
				}
			}
			var rows int
			if err := r.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM usage_callers").Scan(&rows); err != nil || rows < 4 {
				t.Errorf("%s: %d rows (%v)", when, rows, err)
			}
		}
		same("filled")
		exec(columns + `(1, 20000, 1, 7, 3, 1, 1, 1, 1, 1, 1, 1, 1), (1, 20000, 9, 7, 3, 2, 2, 2, 2, 2, 2, 2, 2), (2, 20000, 1, 8, 3, 1, 0, 0, 0, 0, 0, 0, 5)
			ON CONFLICT (gateway, day, route, kid, consumer) DO UPDATE SET billed = usage_days.billed + excluded.billed, bytes_out = usage_days.bytes_out + excluded.bytes_out`)
		same("grown")
	})
}
