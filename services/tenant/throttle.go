package tenant

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// Throttle counts tries under a key and says when the next one is allowed.
type Throttle struct {
	Key       string
	Failures  int
	NextAt    time.Time
	ExpiresAt time.Time
}

// slowdown is a rule: after some free tries each further one doubles the wait.
// It slows a guesser down and never locks anybody out: the wait is bounded, and
// keyed so that somebody elsewhere does not wait with the guesser.
type slowdown struct {
	name  string
	free  int
	worst time.Duration // longest wait
	keep  time.Duration // forgotten after this without a try
}

var (
	// One account from one address: guessing a password.
	slowLogin = slowdown{"login", 3, time.Minute, time.Hour}
	// One address, any account: trying a leaked list.
	slowLoginClient = slowdown{"login-client", 30, time.Minute, time.Hour}
	// One address: making accounts.
	slowSignup = slowdown{"signup", 30, time.Minute, time.Hour}
	// One account, wherever from: guessing the second factor. Only who has the
	// password gets here, so that nobody else can make the owner wait.
	slowCode = slowdown{"code", 5, 5 * time.Minute, time.Hour}
	// One address: asking for mails to others.
	slowMail = slowdown{"mail", 10, time.Minute, time.Hour}
	// One address: beginning sign-ins of command lines.
	slowDevice = slowdown{"device", 20, time.Minute, time.Hour}
	// One user: trying the codes that people confirm.
	slowDeviceCode = slowdown{"device-code", 10, 5 * time.Minute, time.Hour}
	// One address: trying device codes that are none.
	slowDevicePoll = slowdown{"device-poll", 30, time.Minute, time.Hour}
)

// wait is how long to wait after the n-th try.
func (d slowdown) wait(n int) time.Duration {
	over := n - d.free
	if over <= 0 {
		return 0
	}
	if over > 16 {
		return d.worst
	}
	return min(d.worst, time.Second<<(over-1))
}

// key hashes the parts, so that the table holds no address of anybody.
func (d slowdown) key(parts ...string) string {
	h := sha256.New()
	h.Write([]byte(d.name))
	for _, p := range parts {
		h.Write([]byte{0})
		h.Write([]byte(p))
	}
	return hex.EncodeToString(h.Sum(nil)[:20])
}

// clientKey is the network that counts as one client: an IPv4 address, or the
// /64 of an IPv6 one, of which everybody has plenty.
func clientKey(client string) string {
	a, err := netip.ParseAddr(client)
	if err != nil {
		return client
	}
	if a = a.Unmap().WithZone(""); a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

// try counts a try before it is made, so that a hundred at once are a hundred,
// and refuses it with CodeThrottled while an earlier one's wait lasts.
func (s *Service) try(ctx context.Context, d slowdown, key string) error {
	var wait time.Duration
	err := s.store.Tx(ctx, func(tx Tx) error {
		now := s.clock()
		t, err := tx.FindThrottle(ctx, key, now)
		if err != nil && core.CodeOf(err) != core.CodeNotFound {
			return err
		}
		if wait = t.NextAt.Sub(now); wait > 0 {
			return nil
		}
		t.Key, t.Failures = key, t.Failures+1
		t.NextAt = now.Add(d.wait(t.Failures))
		t.ExpiresAt = now.Add(d.keep)
		return tx.PutThrottle(ctx, &t)
	})
	if err != nil || wait <= 0 {
		return err
	}
	e := core.Errorf(core.CodeThrottled, "too many tries; wait before the next one")
	e.RetryAfter = max(wait, time.Second)
	return e
}

// forgive forgets the tries under a key after one that succeeded.
func (s *Service) forgive(ctx context.Context, key string) error {
	return s.store.Tx(ctx, func(tx Tx) error { return tx.DeleteThrottle(ctx, key) })
}

// takeBack undoes a try that succeeded, without forgiving those that failed.
func (s *Service) takeBack(ctx context.Context, key string) error {
	return s.store.Tx(ctx, func(tx Tx) error {
		now := s.clock()
		t, err := tx.FindThrottle(ctx, key, now)
		if core.CodeOf(err) == core.CodeNotFound {
			return nil
		}
		if err != nil {
			return err
		}
		t.Failures, t.NextAt = max(0, t.Failures-1), now
		return tx.PutThrottle(ctx, &t)
	})
}
