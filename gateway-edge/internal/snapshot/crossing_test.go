package snapshot

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/tollgate/tollgate/gateway-edge/internal/confsync/disklog"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// These tests bring together what is asked for at one time and comes at another.

func (b *bed) signOrganization(o contract.Organization) []byte {
	b.t.Helper()
	o.Schema, o.ID, o.Num = 1, "org_1", 1
	raw, err := contract.SignDocument(b.root.Signer, contract.KindOrganization, o.Version, o)
	if err != nil {
		b.t.Fatal(err)
	}
	return raw
}

// TestOrganizationFetchedLate: while a gateway that needs its organization fetches
// it, a newer version comes by its notice.
func TestOrganizationFetchedLate(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.put(doc(1, 1, ""))
	b.now.Add(2e9)
	old := b.signOrganization(contract.Organization{Version: 1})
	b.fetch = func(byte, string) ([]byte, error) {
		if _, err := b.Organization(b.signOrganization(contract.Organization{Version: 2, Suspended: true}), Apply{ID: "org_1"}); err != nil {
			t.Error(err)
		}
		return old, nil
	}
	b.is("g1.test", 1)
	facts := b.Table().FindString("g1.test").Current().Org.Facts()
	if facts.Doc.Version != 2 || !facts.Doc.Suspended {
		t.Errorf("version %d of the organization is in force after 2 came", facts.Doc.Version)
	}
}

// TestOrganizationLostOnDisk: the version that is held and can't be read is taken
// again from where documents are fetched, an older one is not.
func TestOrganizationLostOnDisk(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.org()
	if _, err := b.Organization(b.signOrganization(contract.Organization{Version: 2, Suspended: true}), Apply{ID: "org_1"}); err != nil {
		t.Fatal(err)
	}
	b.put(doc(1, 1, ""))
	b.restart()
	b.Store.org("org_1").held.loc = nil
	b.fetch = func(byte, string) ([]byte, error) { return b.signOrganization(contract.Organization{Version: 1}), nil }
	b.is("g1.test", 0)
	b.fetch = func(byte, string) ([]byte, error) {
		return b.signOrganization(contract.Organization{Version: 2, Suspended: true}), nil
	}
	b.now.Add(2e9)
	b.is("g1.test", 1)
}

// TestImpatienceIsNotShared: a client that goes away while its gateway is loaded
// bars it for nobody else.
func TestImpatienceIsNotShared(t *testing.T) {
	t.Run("while the organization is fetched", func(t *testing.T) {
		impatient, leave := context.WithCancel(t.Context())
		var b *bed
		away := true
		b = newBed(t, func(c *Config) {
			c.Fetch = func(ctx context.Context, _ byte, _ string) ([]byte, error) {
				if away {
					return nil, errors.New("away")
				}
				leave()
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
				return b.signOrganization(contract.Organization{Version: 1}), nil
			}
		})
		b.put(doc(1, 1, ""))
		b.now.Add(2e9)
		away = false
		_, _ = b.Table().FindString("g1.test").Load(impatient)
		b.is("g1.test", 1)
	})
	t.Run("while others are compiled", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBed(t)
			b.org()
			b.put(doc(1, 1, ""))
			b.restart()
			b.compiling <- struct{}{}
			impatient, leave := context.WithCancel(t.Context())
			first := make(chan error, 1)
			e := b.Table().FindString("g1.test")
			go func() {
				_, err := e.Load(impatient)
				first <- err
			}()
			synctest.Wait()
			leave()
			if err := <-first; !errors.Is(err, context.Canceled) {
				t.Errorf("who left: %v", err)
			}
			<-b.compiling
			b.is("g1.test", 1)
		})
	})
}

// TestTriedAgain: a version that could not be compiled for a reason that passes
// comes into force when it has passed, though nobody changes the gateway again.
func TestTriedAgain(t *testing.T) {
	t.Run("too many compilations", func(t *testing.T) {
		t.Parallel()
		b := newBed(t)
		b.org()
		b.put(doc(1, 1, ""))
		for range markSlots {
			if _, err := b.marker.set("gw_9", 1); err != nil {
				t.Fatal(err)
			}
		}
		b.put(doc(1, 2, ""))
		b.Retry(t.Context())
		b.is("g1.test", 1)
		for slot := range markSlots {
			b.marker.clear(slot)
		}
		b.Retry(t.Context())
		b.is("g1.test", 1) // not at once
		b.now.Add(1e9)
		b.Retry(t.Context())
		b.is("g1.test", 2)
		if f := b.Failed(); len(f) != 0 {
			t.Errorf("failed %+v", f)
		}
		compiled := b.compile.Load()
		b.now.Add(3600e9)
		b.Retry(t.Context())
		if n := b.compile.Load() - compiled; n != 0 {
			t.Errorf("compiled %d times more", n)
		}
		b.restart()
		if f := b.Failed(); len(f) != 0 {
			t.Errorf("after a restart it has failed again: %+v", f)
		}
		b.is("g1.test", 2)
	})
	t.Run("the machine stood still", func(t *testing.T) {
		for _, cold := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				b := newBed(t)
				var still chan struct{}
				b.probe = func(cfg string, _ policy.Deps) (policy.Policy, error) {
					if cfg == `"slow"` && still != nil {
						<-still
					}
					return always{}, nil
				}
				b.org()
				b.put(doc(1, 1, ""))
				still = make(chan struct{})
				if cold { // it is compiled on its first request
					b.take(doc(1, 2, `"slow"`))
				} else {
					b.put(doc(1, 2, `"slow"`))
				}
				b.is("g1.test", 1)
				compiled := b.compile.Load()
				for range markSlots {
					b.now.Add(60e9)
					b.Retry(t.Context())
					b.is("g1.test", 1)
				}
				if n := b.compile.Load() - compiled; n != 0 {
					t.Errorf("compiled %d times more while it is under way", n)
				}
				close(still)
				synctest.Wait()
				b.Retry(t.Context())
				b.is("g1.test", 1)
				b.now.Add(60e9)
				b.Retry(t.Context())
				b.is("g1.test", 2)
			})
		}
	})
	t.Run("a bad one is bad", func(t *testing.T) {
		t.Parallel()
		b := newBed(t)
		b.probe = func(cfg string, _ policy.Deps) (policy.Policy, error) {
			if cfg == `"bad"` {
				return nil, errors.New("it is bad")
			}
			return always{}, nil
		}
		b.org()
		b.put(doc(1, 1, ""))
		b.put(doc(1, 2, `"bad"`))
		compiled := b.compile.Load()
		b.now.Add(3600e9)
		b.Retry(t.Context())
		if n := b.compile.Load() - compiled; n != 0 {
			t.Errorf("compiled %d times more", n)
		}
	})
}

// take applies a gateway's document to a gateway that is not in memory.
func (b *bed) take(g *contract.Gateway) {
	b.t.Helper()
	b.Table().Get(g.ID).drop()
	if _, err := b.Gateway(b.t.Context(), b.sign(g), Apply{ID: g.ID}); err != nil {
		b.t.Fatal(err)
	}
}

// TestDiskFull: documents that the disk did not take are written when it does, an
// organization's too: after a restart the one before must not be in force again.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.org()
	b.put(doc(1, 1, ""))
	if err := b.log.Close(); err != nil { // it takes nothing more
		t.Fatal(err)
	}
	b.put(doc(1, 2, ""))
	if _, err := b.Organization(b.signOrganization(contract.Organization{Version: 2, Suspended: true}), Apply{ID: "org_1"}); err != nil {
		t.Fatal(err)
	}
	if n := b.Stats().Unsaved; n != 2 {
		t.Errorf("%d documents are unsaved, want 2", n)
	}
	var err error
	if b.log, err = disklog.Open(disklog.Config{Dir: b.dir, EdgeID: "edge-a", Key: b.root.Edge.Sealing, Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	if err := b.log.Scan(func(*disklog.Record, *disklog.Loc) {}); err != nil {
		t.Fatal(err)
	}
	b.Store.cfg.Disk = b.log
	b.Flush()
	if n := b.Stats().Unsaved; n != 0 {
		t.Errorf("%d documents are unsaved with a disk that works", n)
	}
	b.restart()
	b.is("g1.test", 2)
	if f := b.Table().FindString("g1.test").Current().Org.Facts(); !f.Doc.Suspended {
		t.Errorf("version %d of the organization is in force after a restart", f.Doc.Version)
	}
}
