package keystore

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/gateway-edge/internal/edgetest"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// These tests bring together answers, versions and files of different times: what
// is known of a former one must not be held against what came since.

// TestImpatienceIsNotShared: who joins a read is not refused because the client
// that began it went away.
func TestImpatienceIsNotShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		text, rec := b.key()
		b.store(rec)
		for range cap(b.fetching) {
			b.fetching <- struct{}{} // all reads are under way
		}
		impatient, leave := context.WithCancel(t.Context())
		first, second := make(chan policy.KeyResult, 1), make(chan policy.KeyResult, 1)
		ask := func(ctx context.Context, to chan policy.KeyResult) {
			to <- b.view().load(ctx, policy.Static(text), client)
		}
		go ask(impatient, first)
		synctest.Wait()
		go ask(t.Context(), second)
		synctest.Wait()
		leave()
		b.want("who left", <-first, policy.KeyUnavailable)
		synctest.Wait()
		<-b.fetching
		b.want("who stayed", <-second, policy.KeyOK)
	})
}

// redisBench is a bench whose keys are in a Redis.
func redisBench(t *testing.T) (*bench, *edgetest.Redis, *RedisSource) {
	t.Helper()
	server := edgetest.StartRedis(t)
	conn := server.Client()
	t.Cleanup(func() { conn.Close() })
	b := newBench(t)
	s := NewRedisSource(conn, func() string { return "" }, b.now.Load)
	b.Close()
	b.cfg.Source = s
	b.open()
	return b, server, s
}

func (b *bench) write(c redis.UniversalClient, r *contract.KeyRecord) {
	b.t.Helper()
	if err := c.HSet(b.t.Context(), contract.RedisKeys(contract.KeyShard(r.KID)), contract.FormatKID(r.KID), b.encode(r)).Err(); err != nil {
		b.t.Fatal(err)
	}
}

// down makes reads fail until the source counts as down.
func (b *bench) down(s *RedisSource) {
	b.t.Helper()
	for range failuresOpen {
		cold, _ := b.key()
		b.want("cold key while Redis is away", b.load(cold), policy.KeyUnavailable)
	}
	if !s.Down() {
		b.t.Fatal("Redis does not count as down")
	}
}

// TestRevokedWhileAway: only keys that are known are asked for after an outage. One
// that was revoked in a gap of the stream is confirmed before it is used again.
func TestRevokedWhileAway(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		gap  func(b *bench, away bool) // says that the stream had a gap
	}{
		{"the gap is found after the outage", func(b *bench, away bool) {
			if !away {
				b.Invalidate()
			}
		}},
		{"the gap was found before the outage", func(b *bench, away bool) {
			if away {
				b.Invalidate()
			} else {
				b.now.Add(int64(time.Minute))
				b.tend(b.t.Context())
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, server, s := redisBench(t)
			text, rec := b.key()
			if err := b.Apply(b.encode(rec)); err != nil {
				t.Fatal(err)
			}
			c.gap(b, true)
			server.Kill()
			b.down(s)
			b.want("a known key while Redis is away", b.peek(text), policy.KeyOK)
			server.Start(t)
			b.write(s.client, revoked(rec)) // its notice is lost
			c.gap(b, false)
			b.want("when Redis is back", b.peek(text), policy.KeyCold)
			b.want("confirmed", b.load(text), policy.KeyRevoked)
		})
	}
}

// slow makes reads that were begun before a good one fail after it.
type slow struct {
	s    *RedisSource
	late int
}

func (h *slow) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *slow) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (h *slow) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() != "hmget" || h.late == 0 {
			return next(ctx, cmd)
		}
		h.late--
		if _, _, err := h.s.Get(context.Background(), 1); h.late == 0 && err != nil {
			return err
		}
		cmd.SetErr(errAway)
		return errAway
	}
}

// TestLateFailures: reads that were begun before Redis answered say nothing of it.
func TestLateFailures(t *testing.T) {
	t.Parallel()
	_, _, s := redisBench(t)
	h := &slow{s: s, late: failuresOpen}
	s.client.(*redis.Client).AddHook(h)
	if _, _, err := s.Get(t.Context(), 1); err == nil {
		t.Fatal("no read failed")
	}
	if h.late != 0 || s.Down() {
		t.Errorf("%d reads to come; down %t, though the last read that was begun was answered", h.late, s.Down())
	}
	h.late = 0
	if _, _, err := s.Get(t.Context(), 1); err != nil {
		t.Error(err)
	}
}

// TestRestoredDatabase: versions begin anew where the database was restored from a
// backup. A key is changed and revoked at versions that this edge has seen before.
func TestRestoredDatabase(t *testing.T) {
	t.Parallel()
	version := func(r *contract.KeyRecord, v uint64) *contract.KeyRecord {
		c := *r
		c.Version = v
		return &c
	}
	for _, c := range []struct {
		name    string
		prepare func(b *bench)
	}{
		{"in use", func(*bench) {}},
		{"on disk only", func(b *bench) { b.restart() }},
		{"started again after the restore", func(b *bench) { b.renew(); b.restart() }},
	} {
		for _, back := range []uint64{2, 3, 4} { // of the revocation; 3 is the version that is known
			b := newBench(t)
			text, rec := b.key()
			rec.Version = 3
			b.publish(rec)
			b.want("known", b.peek(text), policy.KeyOK)
			b.store(version(rec, back-1)) // as the backup has it
			c.prepare(b)
			b.renew()
			kept := b.load(text)
			b.want("as the backup has it", kept, policy.KeyOK)
			dead := revoked(rec)
			dead.Version = back
			b.publish(dead)
			if got := b.peek(text); got.State != policy.KeyRevoked {
				t.Errorf("%s: revoked at version %d, where 3 was known of the former lineage: state %d", c.name, back, got.State)
			}
			if kept.Principal.Alive() {
				t.Errorf("%s: the principal outlived the revocation at version %d", c.name, back)
			}
			b.restart()
			b.want(c.name+", after a restart", b.load(text), policy.KeyRevoked)
		}
		// What the backup had of the key, and what it is changed to.
		b := newBench(t)
		text, rec := b.key()
		b.publish(version(rec, 3))
		b.peek(text)
		c.prepare(b)
		rec.Scopes = []string{"backup"}
		b.store(version(rec, 2))
		b.renew()
		if got := b.load(text); got.State != policy.KeyOK || got.Principal.Scopes[0] != "backup" {
			t.Errorf("%s: the backup's record is not taken: state %d", c.name, got.State)
		}
		rec.Scopes = []string{"changed"}
		b.publish(version(rec, 3))
		if got := b.load(text); got.State != policy.KeyOK || got.Principal.Scopes[0] != "changed" {
			t.Errorf("%s: a change after the restore is not taken: state %d", c.name, got.State)
		}
		b.store(version(rec, 2))
		b.Invalidate() // a replica that was behind, of the same lineage
		if got := b.load(text); got.State != policy.KeyOK || got.Principal.Scopes[0] != "changed" {
			t.Errorf("%s: a replica that was behind is taken: state %d", c.name, got.State)
		}
	}
	// A revocation that the backup does not know stays one.
	b := newBench(t)
	text, rec := b.key()
	b.publish(rec)
	b.publish(revoked(rec))
	b.store(rec)
	b.renew()
	b.want("revoked after the backup", b.load(text), policy.KeyRevoked)
}

// TestPowerFailure: what was applied to keys had not reached the disk, though the
// position in the stream had.
func TestPowerFailure(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	text, rec := b.key()
	b.publish(rec)
	b.Invalidate()
	b.want("used", b.load(text), policy.KeyOK)
	slab := filepath.Join(b.cfg.Dir, "keys.tgk")
	written, err := os.ReadFile(slab)
	if err != nil {
		t.Fatal(err)
	}
	narrow := *rec
	narrow.Version, narrow.Scopes = 2, []string{"none"}
	b.publish(&narrow)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	for _, lost := range []string{"nothing of the page that has the epoch", "that page too"} {
		if lost != "nothing of the page that has the epoch" {
			written[8]-- // the epoch of before Invalidate
		}
		if err := os.WriteFile(slab, written, 0o600); err != nil {
			t.Fatal(err)
		}
		b.cfg.Boot[0]++
		b.open()
		b.want(lost+": before it is confirmed", b.peek(text), policy.KeyCold)
		if got := b.load(text); got.State != policy.KeyOK || got.Principal.Scopes[0] != "none" {
			t.Errorf("%s: a scope that was taken away is back: state %d", lost, got.State)
		}
		b.restart()
		b.want(lost+": after a restart of the program alone", b.peek(text), policy.KeyOK)
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	b.open()
}

func (b *bench) renew() {
	b.t.Helper()
	if err := b.Renew(); err != nil {
		b.t.Fatal(err)
	}
}

// TestChangedWhileConfirming: a read that confirms a key fails; its notice came
// meanwhile. What the notice says holds, not what was known when the read began.
func TestChangedWhileConfirming(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	text, rec := b.key()
	b.publish(rec)
	b.Invalidate()
	narrow := *rec
	narrow.Version, narrow.Scopes = 2, []string{"none"}
	b.Store.cfg.Source = &failing{b.source, func() {
		if err := b.Apply(b.encode(&narrow)); err != nil {
			t.Error(err)
		}
	}}
	if got := b.load(text); got.State != policy.KeyOK || got.Principal.Scopes[0] != "none" {
		t.Errorf("state %d, and a scope that was taken away meanwhile", got.State)
	}
}

// failing is a source whose reads fail after something else has happened.
type failing struct {
	*source
	first func()
}

func (f *failing) Get(context.Context, uint64) ([]byte, string, error) {
	f.first()
	return nil, "", errAway
}

// TestRevokedWhileTheDiskIsSlow: revocations are made durable one after the other; one
// that comes meanwhile is in force at once.
func TestRevokedWhileTheDiskIsSlow(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first, rec1 := b.key()
	second, rec2 := b.key()
	b.publish(rec1)
	b.publish(rec2)
	slow, entered := make(chan struct{}), make(chan struct{}, 2)
	b.tombs.flush = func(*os.File) error {
		entered <- struct{}{}
		<-slow
		return nil
	}
	b.publish(revoked(rec1))
	synced := make(chan error, 1)
	go func() { synced <- b.Sync() }()
	<-entered
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.publish(revoked(rec2))
	}()
	select {
	case <-done:
		b.want("revoked while another is made durable", b.peek(second), policy.KeyRevoked)
	case <-time.After(10 * time.Second):
		t.Error("a revocation waits for the disk")
	}
	b.want("the first", b.peek(first), policy.KeyRevoked)
	close(slow)
	if err := <-synced; err != nil {
		t.Error(err)
	}
	<-done
	if err := b.Sync(); err != nil || len(entered) != 1 {
		t.Errorf("the second was not made durable: %v", err)
	}
}
