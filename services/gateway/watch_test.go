package gateway

import (
	"strings"
	"testing"
	"time"
)

// TestWatch: what a gateway's certificates and domains come to, at a moment.
func TestWatch(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	uploaded := func(name string, left time.Duration) Certificate {
		return Certificate{Name: name, CertificateFacts: CertificateFacts{NotAfter: now.Add(left)}}
	}
	issued := func(host string, left, renew time.Duration, attempts int) Domain {
		return Domain{Host: host, State: DomainActive, Certificate: DomainCertificate{
			Automatic: true, ChainPEM: "x", NotAfter: now.Add(left), RenewAt: now.Add(renew), Attempts: attempts, Problem: "the authority can't reach it",
		}}
	}
	off := issued("off.example.com", 3*day, -20*day, 0)
	off.Certificate.Automatic = false
	gone := Domain{Host: "gone.example.com", State: DomainFailing, FailingSince: now.Add(-time.Hour)}
	for name, c := range map[string]struct {
		uploaded []Certificate
		domains  []Domain
		of       string
		left     time.Duration
		broken   string
	}{
		"nothing":                           {},
		"the first that ends":               {[]Certificate{uploaded("b", 9*day), uploaded("a", 5*day)}, nil, "The certificate a", 5 * day, ""},
		"one that is over":                  {[]Certificate{uploaded("a", -day)}, nil, "The certificate a", -day, ""},
		"short-lived and not due":           {nil, []Domain{issued("x.example.com", 6*day, 4*day, 0)}, "", 0, ""},
		"its renewal is under way":          {nil, []Domain{issued("x.example.com", 2*day, -time.Hour, 1)}, "", 0, ""},
		"its renewal is overdue":            {nil, []Domain{issued("x.example.com", 2*day, -7*time.Hour, 0)}, "The certificate of x.example.com", 2 * day, ""},
		"its renewal fails":                 {nil, []Domain{issued("x.example.com", 20*day, -time.Hour, 2)}, "The certificate of x.example.com", 20 * day, "could not be renewed in 2 tries: the authority can't reach it."},
		"nobody renews it":                  {nil, []Domain{off}, "The certificate of off.example.com", 3 * day, ""},
		"a first order fails":               {nil, []Domain{{Host: "n.example.com", State: DomainActive, Certificate: DomainCertificate{Automatic: true, Attempts: 3, Problem: "p"}}}, "", 0, "No certificate could be had for n.example.com in 3 tries: p."},
		"a domain's record is gone":         {[]Certificate{uploaded("a", 90*day)}, []Domain{gone}, "The certificate a", 90 * day, "gone.example.com was not found any more: it is served until 2026-11-25 11:00 UTC."},
		"a domain is served no more":        {nil, []Domain{{Host: "l.example.com", State: DomainLapsed}}, "", 0, "l.example.com is not served any more"},
		"a domain waits for its first look": {nil, []Domain{{Host: "p.example.com", State: DomainPending, Certificate: DomainCertificate{Automatic: true}}}, "", 0, ""},
	} {
		w := watch(now, c.uploaded, c.domains)
		if w.Of != c.of || c.of != "" && w.Ends.Sub(now) != c.left || !strings.Contains(w.Broken, c.broken) || (c.broken == "") != (w.Broken == "") {
			t.Errorf("%s: %+v", name, w)
		}
	}
}
