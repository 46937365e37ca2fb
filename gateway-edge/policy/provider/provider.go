package provider

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/flight"
)

// How an issuer's keys are kept (reliability.md O01–O03, JWT16, JWT17).
const (
	// refreshAfter is the age at which one request fetches them anew; the others go
	// on with those at hand.
	refreshAfter = 5 * time.Minute
	// staleFor is how long the last good keys serve while the issuer is away.
	staleFor = 24 * time.Hour
	// unknownKidEvery is how long after a fetch that did not bring the kid it was
	// made for nobody asks again: invented kids cause no storm, and each rotation is
	// seen at once.
	unknownKidEvery = 30 * time.Second
	// graceOfRemoved is how long a key works after it left the set: an issuer's own
	// instances don't change their sets in one moment.
	graceOfRemoved = time.Minute
	// Failed fetches are tried again after a second, doubled up to backoffMax.
	backoffMin = time.Second
	backoffMax = 30 * time.Second

	maxDiscovery = 64 << 10
	maxJWKS      = 256 << 10
)

// Errors of a provider. None of their texts reaches a caller.
var (
	// ErrUnknown: a token's key is not one of the provider's.
	ErrUnknown = errors.New("the provider has no such key")
	// ErrSignature: a token's signature does not verify.
	ErrSignature = errors.New("the signature does not verify")

	errAway      = errors.New("the provider's keys can't be had at the moment")
	errCancelled = errors.New("the request ended before the provider answered")
)

// Provider is the runtime state of one issuer: what it publishes about itself. It
// outlives versions of the configuration, and must not be copied.
type Provider struct {
	url  string
	jwks string // configured; "": discovered
	keys atomic.Pointer[keySet]
	// changed is called with every new set of keys, before it is used.
	changed func(now int64)
	// refresh is the CLOCK_BOOTTIME from which a request may take it on itself to
	// fetch the keys ahead of their end; who wins the swap does.
	refresh atomic.Int64

	kept     atomic.Pointer[policy.Keep] // set with the first request
	restored sync.Once

	documents flight.Group[struct{}, *Metadata]

	mu       sync.Mutex // guards what follows
	inflight *fetching
	document *Metadata // the newest one, nil after a failed fetch
	foundAt  int64     // CLOCK_BOOTTIME of document
	restTill int64     // the document is not asked for before, after a failure
	retryAt  int64     // no fetch before, after a failure
	backoff  time.Duration
	missedAt int64 // last fetch that did not bring the key it was made for
	missed   bool  // missedAt is set
	failed   bool  // the last fetch failed
}

// fetching is a fetch that others wait for.
type fetching struct {
	done chan struct{}
	err  error
	// abandoned: the request that fetched ended first; somebody else has to.
	abandoned bool
}

// New makes the state of an issuer; jwks is the address of its key set, "": it is
// discovered. Changed, which may be nil, is called when there is a new set of keys:
// what hangs on a Key that is not Alive any more ends then.
func New(url, jwks string, changed func(now int64)) *Provider {
	if changed == nil {
		changed = func(int64) {}
	}
	return &Provider{url: url, jwks: jwks, changed: changed}
}

// Usable reports whether there are keys at hand that still serve; now is
// CLOCK_BOOTTIME in nanoseconds, as everywhere here.
func (i *Provider) Usable(now int64) bool { return i.usable(now) != nil }

// Refresh fetches the keys anew. Whatever comes of it, those at hand still serve.
func (i *Provider) Refresh(b policy.Blocking, f policy.Fetch, now int64) {
	_ = i.fetch(b, f, now, wanted{})
}

// Verify finds a token's key, fetching the keys where that is needed, and checks
// the signature; nothing else of the token is judged. The error is ErrUnknown,
// ErrSignature, or says that the provider can't be asked. Keep may be nil.
func (i *Provider) Verify(b policy.Blocking, f policy.Fetch, keep policy.Keep, t *Token, now int64, wall time.Time) (*Key, error) {
	i.restore(keep, now, wall)
	if i.TakeRefresh(now) {
		i.Refresh(b, f, now)
	}
	k, err := i.find(b, f, t.Header, now)
	if err != nil {
		return nil, err
	}
	v := oidc.NewVerifier(i.url, k, &oidc.Config{
		SupportedSigningAlgs: []string{t.Header.Alg}, SkipClientIDCheck: true, SkipExpiryCheck: true,
	})
	if _, err := v.Verify(b.Context(), t.Raw); err != nil {
		return nil, ErrSignature
	}
	return k, nil
}

// usable returns the keys at hand, nil when there are none or they are too old.
func (i *Provider) usable(now int64) *keySet {
	s := i.keys.Load()
	if s == nil || now-s.fetched > int64(staleFor) {
		return nil
	}
	return s
}

// TakeRefresh reports whether this request is the one to fetch ahead.
func (i *Provider) TakeRefresh(now int64) bool {
	at := i.refresh.Load()
	return at != 0 && now >= at && i.refresh.CompareAndSwap(at, now+int64(backoffMax))
}

// find returns the key for a token, fetching the set when there is none yet, when
// it is too old, or when the kid is not in it. Its error is errAway or ErrUnknown
// or errCancelled.
func (i *Provider) find(b policy.Blocking, f policy.Fetch, h Header, now int64) (*Key, error) {
	if s := i.usable(now); s != nil {
		if k := s.find(h, now); k != nil {
			return k, nil
		}
	}
	why := wanted{keys: true}
	if i.usable(now) != nil {
		why = wanted{key: &h}
	}
	if err := i.fetch(b, f, now, why); err != nil {
		return nil, err
	}
	s := i.usable(now)
	if s == nil {
		return nil, errAway
	}
	if k := s.find(h, now); k != nil {
		return k, nil
	}
	return nil, ErrUnknown
}

// wanted is what a fetch is for: any usable keys, the key of one token that is
// missing from a usable set, or, when zero, a newer set.
type wanted struct {
	keys bool
	key  *Header
}

// had reports whether a set, nil when there is no usable one, has what is wanted.
func (w wanted) had(s *keySet, now int64) bool {
	return s != nil && (w.keys || w.key != nil && s.find(*w.key, now) != nil)
}

// fetch brings the keys, once for all who ask at the same time. After a fetch for
// one key was made in vain, what it found stands for a while.
func (i *Provider) fetch(b policy.Blocking, f policy.Fetch, now int64, why wanted) error {
	for {
		fl, lead, err := i.join(now, why)
		if err != nil {
			return err
		}
		if lead {
			i.lead(b, f, fl, now, why)
			return fl.err
		}
		if fl == nil {
			return nil // the set has it by now, or is as new as it may be
		}
		select {
		case <-fl.done:
			if !fl.abandoned {
				return fl.err
			}
		case <-b.Context().Done():
			return errCancelled
		}
	}
}

// join returns the fetch that is under way, or a new one to lead, or neither
// when the last answer has to do.
func (i *Provider) join(now int64, why wanted) (fl *fetching, lead bool, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if why.had(i.usable(now), now) {
		return nil, false, nil // a fetch ended since this request looked
	}
	if i.inflight != nil {
		return i.inflight, false, nil
	}
	if why.key != nil && i.missed && now-i.missedAt < int64(unknownKidEvery) || i.failed && now < i.retryAt {
		if i.failed {
			return nil, false, errAway
		}
		return nil, false, nil
	}
	i.inflight = &fetching{done: make(chan struct{})}
	return i.inflight, true, nil
}

// lead fetches and tells the others, whatever happens on the way.
func (i *Provider) lead(b policy.Blocking, f policy.Fetch, fl *fetching, now int64, why wanted) {
	fl.err = errAway
	defer func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.settle(fl, now, why)
		i.inflight = nil
		close(fl.done)
	}()
	set, err := i.get(b, f, now)
	switch {
	case err == nil:
		i.install(set, now)
		fl.err = nil
	case b.Context().Err() != nil:
		fl.err, fl.abandoned = errCancelled, true
	}
}

// settle notes what the fetch means for the next ones. The caller holds mu.
func (i *Provider) settle(fl *fetching, now int64, why wanted) {
	if fl.abandoned {
		return // it says nothing about the issuer
	}
	if why.key != nil && (fl.err != nil || !why.had(i.keys.Load(), now)) {
		i.missedAt, i.missed = now, true
	}
	if fl.err == nil {
		i.failed, i.backoff = false, 0
		i.refresh.Store(now + int64(refreshAfter))
		return
	}
	i.failed = true
	i.document = nil // the address may have changed
	i.backoff = min(max(2*i.backoff, backoffMin), backoffMax)
	i.retryAt = now + int64(i.backoff)
	i.refresh.Store(now + int64(backoffMax))
}

// install puts a new set in the place of the old one. A key that stays keeps its
// identity, so that verdicts which hang on it stay too; one that left dies after
// its grace, and with it those verdicts.
func (i *Provider) install(set *keySet, now int64) {
	set.fetched = now
	old := i.keys.Load()
	if old != nil {
		for kid, was := range old.byKid {
			is := set.byKid[kid]
			switch {
			case is == nil:
				i.keepForGrace(set, was, now)
			case is.equal(was) && was.Alive(now):
				was.until.Store(0)
				set.byKid[kid] = was
			default: // another key under the same name
				was.until.Store(now)
			}
		}
		for _, was := range old.unnamed {
			i.keepUnnamed(set, was, now)
		}
	}
	i.keys.Store(set)
	i.changed(now)
}

func (i *Provider) keepForGrace(set *keySet, was *Key, now int64) {
	was.until.CompareAndSwap(0, now+int64(graceOfRemoved))
	if was.Alive(now) {
		set.byKid[was.kid] = was
	}
}

// keepUnnamed keeps the identity of a key without a name; one that left dies at
// once, since only a set's single key may do without a kid.
func (i *Provider) keepUnnamed(set *keySet, was *Key, now int64) {
	for n, is := range set.unnamed {
		if is.equal(was) {
			set.unnamed[n] = was
			return
		}
	}
	was.until.Store(now)
}

// get asks for the keys.
func (i *Provider) get(b policy.Blocking, f policy.Fetch, now int64) (*keySet, error) {
	address := i.jwks
	if address == "" {
		i.mu.Lock()
		m := i.document
		i.mu.Unlock()
		if m == nil {
			var err error
			if m, err = i.discover(b, f, now); err != nil {
				return nil, err
			}
		}
		address = m.JWKS
	}
	body, _, status, err := f.Get(b, address, maxJWKS)
	if err != nil {
		return nil, fmt.Errorf("get the key set: %w", err)
	}
	if status != 200 {
		return nil, fmt.Errorf("get the key set: status %d", status)
	}
	set, err := parseKeys(body)
	if err == nil {
		i.save(body)
	}
	return set, err
}
