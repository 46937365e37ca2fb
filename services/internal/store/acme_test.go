package store_test

import (
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/acme"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
)

// TestACMEStore: values below a key, locks that one holder has at a time, and
// nothing left of a domain that has gone.
func TestACMEStore(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s, ctx := store.ACME{DB: db}, t.Context()
		if e, err := s.Load(ctx, "none"); e != nil || err != nil {
			t.Errorf("what was never saved: %+v, %v", e, err)
		}
		gone := acme.DomainPrefix + "/" + core.NewID(core.PrefixDomain)
		for _, key := range []string{"a_b/one", "a_b/two/three", "axb/four", gone + "/order"} {
			for _, v := range []string{"before", "now"} {
				if err := s.Save(ctx, acme.Entry{Key: key, Sealed: []byte(v), Size: 3}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if e, err := s.Load(ctx, "a_b/one"); err != nil || string(e.Sealed) != "now" || e.Size != 3 {
			t.Errorf("loaded %+v, %v", e, err)
		}
		if all, err := s.List(ctx, "a_b"); err != nil || len(all) != 2 || all[1].Key != "a_b/two/three" || len(all[0].Sealed) != 0 {
			t.Errorf("listed %+v, %v", all, err)
		}
		if err := s.Delete(ctx, "a_b/two"); err != nil {
			t.Fatal(err)
		}
		if all, err := s.List(ctx, "a_b"); err != nil || len(all) != 1 {
			t.Errorf("after a deletion: %+v, %v", all, err)
		}
		if err := s.Purge(ctx); err != nil {
			t.Fatal(err)
		}
		if e, err := s.Load(ctx, gone+"/order"); e != nil || err != nil {
			t.Errorf("of a domain that is gone: %+v, %v", e, err)
		}
		if e, err := s.Load(ctx, "axb/four"); e == nil || err != nil {
			t.Errorf("of no domain: %+v, %v", e, err)
		}

		lock := func(holder string, lease time.Duration, want bool) {
			t.Helper()
			if ok, err := s.Lock(ctx, "l", holder, lease); err != nil || ok != want {
				t.Errorf("lock by %s: %v, %v", holder, ok, err)
			}
		}
		lock("one", time.Minute, true)
		lock("two", time.Minute, false)
		if err := s.Unlock(ctx, "l", "two"); err != nil {
			t.Error(err)
		}
		lock("two", time.Minute, false)
		if err := s.Unlock(ctx, "l", "one"); err != nil {
			t.Error(err)
		}
		lock("two", -time.Second, true) // its time is over
		lock("one", time.Minute, true)
	})
}
