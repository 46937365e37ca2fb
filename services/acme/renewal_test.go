package acme

import (
	"crypto/x509"
	"testing"
	"time"

	acmeclient "github.com/mholt/acmez/v3/acme"
)

// TestPlan: the authority's window decides, within bounds of our own.
func TestPlan(t *testing.T) {
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	leaf := &x509.Certificate{NotBefore: from, NotAfter: from.Add(90 * day)}
	at := func(days int) time.Time { return from.Add(time.Duration(days) * day) }
	for name, c := range map[string]struct {
		start, end, chosen, planned int // days; 0: none
		want                        int
	}{
		"in the window":                 {59, 61, 60, 0, 60},
		"a plan that still holds":       {59, 61, 59, 60, 60},
		"a plan that does not any more": {40, 45, 44, 60, 44},
		"a revoked certificate":         {1, 2, 2, 60, 10},
		"nothing said":                  {0, 0, 0, 0, 60},
		"much too early: no storm":      {0, 89, 12, 0, 30},
		"much too late: not to its end": {88, 95, 93, 0, 75},
		"a plan outside our own bounds": {11, 95, 20, 89, 75},
	} {
		info := acmeclient.RenewalInfo{SelectedTime: at(c.chosen)}
		if c.end != 0 {
			info.SuggestedWindow.Start, info.SuggestedWindow.End = at(c.start), at(c.end)
			if c.start == 0 {
				info.SuggestedWindow.Start = from
			}
		}
		planned := time.Time{}
		if c.planned != 0 {
			planned = at(c.planned)
		}
		if got := plan(leaf, info, planned, at(10)).at; !got.Equal(at(c.want)) {
			t.Errorf("%s: renewed on day %.1f, want %d", name, got.Sub(from).Hours()/24, c.want)
		}
	}
}

// TestLook: an authority is asked again when it says, within bounds.
func TestLook(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	leaf := &x509.Certificate{NotBefore: now, NotAfter: now.Add(90 * 24 * time.Hour)}
	for said, want := range map[time.Duration]time.Duration{
		0: lookLeast, 3 * time.Hour: 3 * time.Hour, 1000 * time.Hour: lookMost, -time.Hour: lookLeast,
	} {
		retry := now.Add(said)
		if got := plan(leaf, acmeclient.RenewalInfo{RetryAfter: &retry}, time.Time{}, now).look.Sub(now); got != want {
			t.Errorf("Retry-After %s: asked again after %s, want %s", said, got, want)
		}
	}
	if got := plan(leaf, acmeclient.RenewalInfo{}, time.Time{}, now).look.Sub(now); got != lookEvery {
		t.Errorf("without Retry-After: %s", got)
	}
}
