package policytest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// FuzzConfig fuzzes the policy's configuration, from its samples: the
// constructor never panics, and what it takes the schema takes too.
func FuzzConfig(f *testing.F, d *policy.Descriptor) {
	for _, kind := range []string{"valid", "invalid"} {
		files, err := filepath.Glob(filepath.Join("testdata", kind, "*.json"))
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(raw)
		}
	}
	s := loadSchema(f, "schema.json")
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) == 0 {
			return // no configuration at all means {}
		}
		if _, err := d.New(raw, NewDeps()); err != nil {
			return
		}
		if err := s.validate(raw); err != nil {
			t.Errorf("the constructor takes %q, the schema does not: %v", raw, err)
		}
	})
}

// Fuzz carries a case whose requests a fuzzer made through every driver: none
// panics, all agree, nothing is kept. Requests that the gate would have refused
// are left out.
func Fuzz(t *testing.T, d *policy.Descriptor, c Case) {
	t.Helper()
	for i := range c.Steps {
		if !passesGate(&c.Steps[i].Request) {
			return
		}
	}
	first := play(t, d, &c, drivers[0])
	for _, dr := range drivers[1:] {
		agree(t, first, play(t, d, &c, dr))
	}
	cutShort(t, d, &c)
}

// passesGate reports whether the gate lets such a request through.
func passesGate(q *Request) bool {
	if q.Path != "" {
		if canon, err := match.PathString(q.Path); err != nil || canon != q.Path {
			return false
		}
	}
	if q.Host != "" {
		if canon, _, err := match.HostString(q.Host); err != nil || canon != q.Host {
			return false
		}
	}
	if match.CheckQuery(q.Query) != nil || len(q.Header) > 200 {
		return false
	}
	for i := 0; i+1 < len(q.Header); i += 2 {
		if _, err := policy.HeaderName(q.Header[i]); err != nil {
			return false
		}
		v := q.Header[i+1]
		for j := range len(v) {
			if v[j] < ' ' && v[j] != '\t' || v[j] == 0x7f || v[j] == poison {
				return false
			}
		}
	}
	return true
}
