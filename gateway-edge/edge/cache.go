package edge

import (
	"cmp"
	"context"
	"os"

	"github.com/tollgate/tollgate/gateway-edge/internal/respcache"
	"github.com/tollgate/tollgate/gateway-edge/internal/shed"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Shares of the response cache where the operator does not say: an eighth of the
// memory that the process may use, and of that a quarter for one organization.
const (
	cacheShare    = 8
	cacheUnknown  = 128 << 20 // where no limit on memory is known
	cacheOrgShare = 4
)

// openCache makes the response cache.
func (e *Edge) openCache() (err error) {
	all := e.cfg.CacheMemory
	if all == 0 {
		all = cmp.Or(shed.Limit(e.cfg.MemoryLimit, os.DirFS("/"))/cacheShare, cacheUnknown)
	}
	e.cache, err = respcache.New(respcache.Config{Max: all, PerOrganization: cmp.Or(e.cfg.CachePerOrganization, all/cacheOrgShare), Now: e.clock.Boot})
	return err
}

func (e *Edge) cacheFor(gateway string, organization uint64) policy.Cache {
	return e.cache.Of(gateway, organization)
}

// answer does what the control plane asks of this edge: to remove stored responses,
// or to explain a request.
func (e *Edge) answer(ctx context.Context, ask contract.Ask) contract.Answer {
	if ask.Purge == nil {
		return e.engine.Explain(ctx, ask)
	}
	n := int64(e.cache.Purge(ask.Gateway, ask.Purge))
	return contract.Answer{Purged: &n}
}

// registerCacheMetrics adds what the response cache tells of itself.
func (e *Edge) registerCacheMetrics() {
	e.gauge("tollgate_edge_cache_bytes", "Bytes of stored responses.", func() float64 { return float64(e.cache.Stats().Bytes) })
	e.gauge("tollgate_edge_cache_filling_bytes", "Bytes reserved for responses that are being stored.", func() float64 { return float64(e.cache.Stats().Filling) })
	e.gauge("tollgate_edge_cache_responses", "Stored responses.", func() float64 { return float64(e.cache.Stats().Items) })
	e.counter("tollgate_edge_cache_stored_total", "Responses stored.", func() uint64 { return uint64(e.cache.Stats().Puts) })
	e.counter("tollgate_edge_cache_evicted_total", "Stored responses that made room for others.", func() uint64 { return uint64(e.cache.Stats().Evicted) })
	e.counter("tollgate_edge_cache_expired_total", "Stored responses past their use.", func() uint64 { return uint64(e.cache.Stats().Expired) })
	e.counter("tollgate_edge_cache_panics_total", "Refreshes of stored responses that panicked.", func() uint64 { return uint64(e.cache.Stats().Panics) })
	e.counter("tollgate_edge_cache_purged_total", "Stored responses that were purged.", func() uint64 { return uint64(e.cache.Stats().Purged) })
}
