package tenant

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tollgate/tollgate/services/contract"
)

func day(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestPeriod(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ anchor, now, start, end string }{
		"first":                  {"2026-11-22 13:45", "2026-11-22 14:00", "2026-11-22 00:00", "2026-12-22 00:00"},
		"just before the end":    {"2026-11-22 13:45", "2026-12-21 23:59", "2026-11-22 00:00", "2026-12-22 00:00"},
		"at the end":             {"2026-11-22 13:45", "2026-12-22 00:00", "2026-12-22 00:00", "2027-01-22 00:00"},
		"31st in February":       {"2026-01-31 00:00", "2026-02-28 00:00", "2026-02-28 00:00", "2026-03-31 00:00"},
		"31st before February":   {"2026-01-31 00:00", "2026-02-27 23:59", "2026-01-31 00:00", "2026-02-28 00:00"},
		"29th in a leap year":    {"2028-01-29 08:00", "2028-02-29 08:00", "2028-02-29 00:00", "2028-03-29 00:00"},
		"years later":            {"2026-11-30 00:00", "2031-03-01 00:00", "2031-02-28 00:00", "2031-03-30 00:00"},
		"a clock that went back": {"2026-11-22 00:00", "2026-11-21 00:00", "2026-10-22 00:00", "2026-11-22 00:00"},
	} {
		start, end := period(day(c.anchor), day(c.now))
		if !start.Equal(day(c.start)) || !end.Equal(day(c.end)) {
			t.Errorf("%s: %s to %s, want %s to %s", name, start, end, c.start, c.end)
		}
	}
}

// TestPeriodsTileTime: every moment is in exactly one period, and the next one
// begins where it ends.
func TestPeriodsTileTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		anchor := time.Unix(rapid.Int64Range(1.7e9, 2.0e9).Draw(t, "anchor"), 0)
		now := anchor.Add(time.Duration(rapid.Int64Range(0, 3e8).Draw(t, "after")) * time.Second)
		start, end := period(anchor, now)
		if now.Before(start) || !now.Before(end) {
			t.Fatalf("%s is not in %s to %s", now, start, end)
		}
		if n := end.Sub(start); n < 28*24*time.Hour || n > 31*24*time.Hour {
			t.Fatalf("a period of %s", n)
		}
		if next, _ := period(anchor, end); !next.Equal(end) {
			t.Fatalf("after %s the next period begins at %s", end, next)
		}
	})
}

// TestRolledPeriodsFollowEachOther rolls an organization for years of any pauses,
// with the anchor moved on the way: each period begins where the one before it ended.
func TestRolledPeriodsFollowEachOther(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(rapid.Int64Range(1.7e9, 2.0e9).Draw(t, "anchor"), 0).UTC()
		o := Organization{PlanSince: now}
		if !o.roll(now) || o.roll(now) {
			t.Fatal("a new organization has no period, or two")
		}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(0, 100*86400).Draw(t, "pause")) * time.Second)
			if rapid.IntRange(0, 4).Draw(t, "moved") == 0 {
				o.PlanSince = now
			}
			for before := o.PeriodEnd; o.roll(now); before = o.PeriodEnd {
				if n := o.PeriodEnd.Sub(o.PeriodStart); !o.PeriodStart.Equal(before) || n <= 0 || n > 31*24*time.Hour {
					t.Fatalf("after %s comes %s to %s", before, o.PeriodStart, o.PeriodEnd)
				}
			}
			if now.Before(o.PeriodStart) || !now.Before(o.PeriodEnd) {
				t.Fatalf("%s is not in %s to %s", now, o.PeriodStart, o.PeriodEnd)
			}
		}
	})
}

func TestSlowdownIsBounded(t *testing.T) {
	t.Parallel()
	for _, d := range []slowdown{slowLogin, slowLoginClient, slowSignup, slowMail, slowCode} {
		last := time.Duration(0)
		for n := range 200 {
			w := d.wait(n)
			if w < last || w > d.worst || n <= d.free && w != 0 {
				t.Fatalf("%s waits %s after %d tries and %s before", d.name, w, n, last)
			}
			last = w
		}
		if last != d.worst {
			t.Errorf("%s ends at %s", d.name, last)
		}
	}
	if slowLogin.key("a", "bc") == slowLogin.key("ab", "c") || slowLogin.key("a") == slowSignup.key("a") {
		t.Error("two keys are one")
	}
}

func TestClientKey(t *testing.T) {
	t.Parallel()
	for a, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"fe80::1%eth0": "fe80::/64", "no address": "no address",
	} {
		if got := clientKey(a); got != want {
			t.Errorf("clientKey(%q) = %q, want %q", a, got, want)
		}
	}
}

func TestPasswords(t *testing.T) {
	t.Parallel()
	for p, ok := range map[string]bool{
		"correct horse": true, "ünïcödé-päss": true, strings.Repeat("x", 256): true,
		"": false, "short": false, "1234567890": false, "PASSWORD123": false, "ada@example.com": false, strings.Repeat("x", 257): false, "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7\xf6": false,
	} {
		var errs contract.FieldErrors
		checkPassword("/password", p, "Ada@Example.com", &errs)
		if (len(errs) == 0) != ok {
			t.Errorf("password %q: %v", p, errs)
		}
	}
	h, err := newHasher(HashCost{})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := h.hash(t.Context(), "correct horse")
	if err != nil || strings.Contains(stored, "correct") {
		t.Fatalf("stored %q, %v", stored, err)
	}
	for p, want := range map[string]bool{"correct horse": true, "correct horsf": false, "": false, "correct horse" + strings.Repeat("x", 400): false} {
		if ok, err := h.matches(t.Context(), p, stored); ok != want || err != nil {
			t.Errorf("matches(%.20q) = %v, %v", p, ok, err)
		}
	}
	if ok, err := h.matches(t.Context(), "anything", ""); ok || err != nil {
		t.Errorf("an unknown user's password matched: %v, %v", ok, err)
	}
}

// TestUnknownUsersTakeAsLong compares the work of a wrong password with that of
// an unknown user: the same hash with the same parameters.
func TestUnknownUsersTakeAsLong(t *testing.T) {
	t.Parallel()
	h, err := newHasher(HashCost{})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := h.hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if a, b := paramsOf(stored), paramsOf(h.dummy); a != b {
		t.Fatalf("known %q, unknown %q", a, b)
	}
}

// paramsOf is the parameters' part of an argon2id hash.
func paramsOf(hash string) string {
	parts := strings.Split(hash, "$")
	return strings.Join(parts[:4], "$")
}

func TestTooManyHashesAreRefused(t *testing.T) {
	t.Parallel()
	h := &hasher{slots: make(chan struct{}, 1), queue: make(chan struct{}, 2)}
	leave, err := h.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h.queue <- struct{}{} // somebody waits
	if _, err := h.enter(t.Context()); err == nil {
		t.Fatal("a full queue takes another")
	}
	<-h.queue
	leave()
	if leave, err = h.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	leave()
}

func FuzzEmail(f *testing.F) {
	for _, s := range []string{"ada@example.com", "a@b", `"x"@y.z`, "a@b@c", "a..b@c.d", "ä@x.y", "a@[1.2.3.4]", " a@b.c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var errs contract.FieldErrors
		checkEmail("/email", s, &errs)
		if len(errs) > 0 {
			return
		}
		if strings.ContainsAny(s, " \r\n\t<>\"(),;:\\[]") || strings.Count(s, "@") != 1 || len(s) > 254 {
			t.Fatalf("accepted %q", s)
		}
	})
}
