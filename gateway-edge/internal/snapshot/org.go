package snapshot

import (
	"sync"
	"sync/atomic"

	"github.com/tollgate/tollgate/gateway-edge/internal/shed"
	"github.com/tollgate/tollgate/services/contract"
)

// StrictAfter is how long an organization with strict freshness is served
// without a heartbeat of the publisher, in nanoseconds.
const StrictAfter = 30_000_000_000

// Org is one organization: facts that all its gateways share and that change
// without compiling anything.
type Org struct {
	ID string
	// Share is what it has of the edge at the moment.
	Share shed.Tenant

	facts atomic.Pointer[OrgFacts]
	fresh *Freshness

	// mu guards the rest.
	mu     sync.Mutex
	held   held
	limits OrgLimits
}

// OrgFacts is what is known of an organization at one version.
type OrgFacts struct {
	Doc *contract.Organization
	// Limits is the runtime state of its own limits; it outlives versions.
	Limits OrgLimits
}

// OrgLimits is an organization's own limits, told of each new version.
type OrgLimits interface {
	Update(doc *contract.Organization)
}

// Facts returns the newest facts. It is never nil on a Compiled gateway.
func (o *Org) Facts() *OrgFacts { return o.facts.Load() }

// Refuse says whether requests to the organization's gateways are refused as a
// whole, and why; now is CLOCK_BOOTTIME in nanoseconds.
func (o *Org) Refuse(now int64) (contract.Code, bool) {
	f := o.facts.Load()
	switch {
	case f == nil:
		return contract.CodeConfigUnavailable, true
	case f.Doc.Suspended || f.Doc.Deleted:
		return contract.CodeOrganizationSuspended, true
	case f.Doc.StrictFreshness && o.fresh.Stale(now, StrictAfter):
		return contract.CodeConfigStale, true
	}
	return 0, false
}

// Strict reports whether the organization chose to be refused rather than
// served from what may be out of date.
func (o *Org) Strict() bool {
	f := o.facts.Load()
	return f != nil && f.Doc.StrictFreshness
}

// Freshness is when this edge was last known to be up to date: a heartbeat came
// that was newer than the one before, and all it spoke of was applied.
type Freshness struct {
	at atomic.Int64 // CLOCK_BOOTTIME ns; 0: never since the start
}

// Mark says that the edge was up to date at now.
func (f *Freshness) Mark(now int64) {
	for {
		old := f.at.Load()
		if now <= old || f.at.CompareAndSwap(old, now) {
			return
		}
	}
}

// At returns when the edge was last up to date, 0 for never since the start.
func (f *Freshness) At() int64 { return f.at.Load() }

// Stale reports whether that is longer ago than limit; never is stale.
func (f *Freshness) Stale(now, limit int64) bool {
	at := f.at.Load()
	return at == 0 || now-at > limit
}
