package provider

import (
	"fmt"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// skew is how far the clock that wrote a kept key set may be ahead.
const skew = 60 * time.Second

// keepName is the name that an issuer's last good key set is kept under. It may
// serve no longer than one in memory: its age counts from when it was fetched.
func (i *Provider) keepName() string { return fmt.Sprintf("jwks %d:%s %s", len(i.url), i.url, i.jwks) }

// restore takes the last good keys of a former process, once: an edge that is
// started while the issuer is away goes on serving its tokens. One request
// fetches newer ones at once.
func (i *Provider) restore(keep policy.Keep, now int64, wall time.Time) {
	if keep == nil {
		return
	}
	i.restored.Do(func() {
		i.kept.Store(&keep)
		raw, saved := keep.Load(i.keepName())
		age := wall.Sub(saved)
		if raw == nil || age > staleFor || age < -skew || len(raw) > maxJWKS {
			return
		}
		set, err := parseKeys(raw)
		if err != nil {
			return
		}
		set.fetched = now - int64(max(0, age))
		if i.keys.CompareAndSwap(nil, set) {
			i.refresh.CompareAndSwap(0, now)
		}
	})
}

// save keeps a key set that was just fetched.
func (i *Provider) save(raw []byte) {
	if k := i.kept.Load(); k != nil {
		(*k).Save(i.keepName(), raw)
	}
}
