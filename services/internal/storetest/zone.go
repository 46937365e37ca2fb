package storetest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
)

// Zone is DNS as a test wants it. It implements gateway.Resolver.
type Zone struct {
	mu   sync.Mutex
	txt  map[string][]string
	dead bool
}

// TXT returns what was set.
func (z *Zone) TXT(_ context.Context, name string) ([]string, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.dead {
		return nil, errors.New("server misbehaving")
	}
	return slices.Clone(z.txt[name]), nil
}

// Set gives a name its records; none take them away.
func (z *Zone) Set(name string, values ...string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.txt = maps.Clone(z.txt)
	if z.txt == nil {
		z.txt = map[string][]string{}
	}
	z.txt[name] = values
}

// Fail has the name servers answer nothing, or answer again.
func (z *Zone) Fail(dead bool) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.dead = dead
}

// Clock is the time as a test wants it.
type Clock struct {
	mu  sync.Mutex
	add time.Duration
}

// Now is the system's time, and what was added.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.add)
}

// Add lets time pass.
func (c *Clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add += d
}

// Prove sets a domain's record and has it looked for.
func (d *Domain) Prove(t testing.TB, org core.OrganizationID, ref, host string) *gateway.Domain {
	t.Helper()
	v, err := d.Gateways.GetDomain(t.Context(), org, ref, host)
	if err != nil {
		t.Fatal(err)
	}
	p := d.Gateways.Proof(v)
	d.DNS.Set(p.Name, p.Value)
	if v, err = d.Gateways.VerifyDomain(t.Context(), org, ref, host); err != nil || v.State != gateway.DomainActive {
		t.Fatalf("domain %s is %+v, %v", host, v, err)
	}
	return v
}
