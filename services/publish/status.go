package publish

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Published is what the database knows of a version's way out.
type Published struct {
	Rev     uint64 // 0: not published yet
	Created int64  // when the change was committed, Unix ms
	Lineage string
	Newest  uint64   // newest version that was published
	Failure *Failure // of a newer version, nil for none
}

// StatusStore finds revisions. What is another organization's is CodeNotFound.
type StatusStore interface {
	// Published tells how version (or the first one published after it) of a
	// gateway or key went out.
	Published(ctx context.Context, org core.OrganizationID, ref string, version uint64) (*Published, error)
	// Newest tells of several gateways, by id, which version was published last and
	// at which revision; those that never were are left out.
	Newest(ctx context.Context, org core.OrganizationID, gateways []string) (map[string]Published, error)
}

// Status reads what the edges have confirmed. It is safe for concurrent use.
type Status struct {
	store   StatusStore
	reports Reports
	clock   core.Clock
}

// NewStatus makes it; clock may be nil.
func NewStatus(store StatusStore, reports Reports, clock core.Clock) (*Status, error) {
	if store == nil || reports == nil {
		return nil, errors.New("publish status: store and reports are required")
	}
	if clock == nil {
		clock = core.SystemClock
	}
	return &Status{store: store, reports: reports, clock: clock}, nil
}

// Live is how far a gateway's version has come.
type Live struct {
	Version   uint64 // that was asked for
	Published bool   // it is in Redis
	Live      bool   // every live edge serves it, and there is one
	Edges     []EdgeLive
	// Reason says why the version is held back, empty when it is not.
	Reason string
}

// EdgeLive is one edge's state of a version.
type EdgeLive struct {
	ID    string
	Live  bool
	After time.Duration // from the change's commit until it was in force; 0: not known
	// Reachable is false when the edge was not heard of for contract.EdgeGone; it
	// is listed for contract.EdgeForgotten and never waited for.
	Reachable bool
	Seen      time.Time
	Reason    string // why this edge keeps an older version
}

// Counts returns the number of reachable edges and of those that serve it.
func (l *Live) Counts() (edges, live int) {
	for i := range l.Edges {
		if l.Edges[i].Reachable {
			edges++
			if l.Edges[i].Live {
				live++
			}
		}
	}
	return edges, live
}

// LiveInput is the input of Status.Live.
type LiveInput struct {
	Gateway string // id
	Version uint64
	Wait    time.Duration // 0: answer at once; at most MaxWait
}

// MaxWait bounds how long Live and Receipt wait.
const MaxWait = 60 * time.Second

// lookEvery is how often a waiting caller looks at the reports.
const lookEvery = 25 * time.Millisecond

// Live answers when every live edge serves the version or a later one, or when
// the wait is over.
func (s *Status) Live(ctx context.Context, org core.OrganizationID, in LiveInput) (*Live, error) {
	var out *Live
	err := s.poll(ctx, in.Wait, func() (bool, error) {
		p, err := s.store.Published(ctx, org, in.Gateway, in.Version)
		if err != nil {
			return false, err
		}
		reports, err := s.reports.Reports(ctx)
		if err != nil {
			return false, err
		}
		out = live(p, in, reports, s.clock())
		return out.Live, nil
	})
	return out, err
}

// LiveNow is Live of several gateways at once, without waiting: the reports are
// read once, and the database is asked once. The answers are in the order of in.
func (s *Status) LiveNow(ctx context.Context, org core.OrganizationID, in []LiveInput) ([]*Live, error) {
	ids := make([]string, len(in))
	for i := range in {
		ids[i] = in[i].Gateway
	}
	newest, err := s.store.Newest(ctx, org, ids)
	if err != nil {
		return nil, err
	}
	reports, err := s.reports.Reports(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]*Live, len(in))
	for i := range in {
		p := newest[in[i].Gateway]
		if p.Newest < in[i].Version {
			p.Rev = 0 // an older one
		}
		out[i] = live(&p, in[i], reports, s.clock())
	}
	return out, nil
}

func (s *Status) poll(ctx context.Context, wait time.Duration, ask func() (done bool, err error)) error {
	deadline := s.clock().Add(min(wait, MaxWait))
	for {
		done, err := ask()
		if err != nil || done || !s.clock().Before(deadline) {
			return err
		}
		t := time.NewTimer(lookEvery)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
	}
}

func live(p *Published, in LiveInput, reports []contract.EdgeReport, now time.Time) *Live {
	out := &Live{Version: in.Version, Published: p.Rev > 0}
	if p.Failure != nil && p.Rev == 0 {
		out.Reason = p.Failure.Reason
	}
	for i := range reports {
		r := &reports[i]
		e := EdgeLive{ID: r.ID, Seen: core.FromMillis(r.Time), Reachable: reachable(r, now)}
		if p.Rev > 0 && r.Lineage == p.Lineage && r.Rev >= p.Rev {
			e.Live = true
			for _, f := range r.Failed {
				if f.Gateway == in.Gateway && f.Serving < in.Version {
					e.Live, e.Reason = false, f.Reason
				}
			}
		}
		if at := appliedAt(r, p.Rev); e.Live && at > 0 {
			e.After = time.Duration(max(0, at-p.Created)) * time.Millisecond
		}
		out.Edges = append(out.Edges, e)
	}
	slices.SortFunc(out.Edges, func(a, b EdgeLive) int { return cmp.Compare(a.ID, b.ID) })
	edges, serving := out.Counts()
	out.Live = edges > 0 && edges == serving
	return out
}

func reachable(r *contract.EdgeReport, now time.Time) bool {
	return now.UnixMilli()-r.Time <= contract.EdgeGone && !r.Draining
}

// appliedAt is when a revision came into force at an edge, 0 when the report no
// longer says.
func appliedAt(r *contract.EdgeReport, rev uint64) int64 {
	for i := range r.Applied {
		if r.Applied[i].Rev >= rev {
			if i == 0 && r.Applied[i].Rev > rev {
				return 0 // an earlier entry was dropped: this one may be far later
			}
			return r.Applied[i].Time
		}
	}
	return 0
}

// Receipt says which edges refuse a revoked key.
type Receipt struct {
	Revision    uint64 // 0: not published yet
	Complete    bool   // every reachable edge confirmed
	Confirmed   []Confirmation
	Waiting     []string      // reachable, and not there yet
	Unreachable []Unreachable // never counted as confirmed
}

// Confirmation is one edge's.
type Confirmation struct {
	Edge string
	At   time.Time // zero: earlier than the edge remembers
}

// Unreachable is an edge that was not heard of.
type Unreachable struct {
	Edge string
	Seen time.Time
}

// ReceiptInput is the input of Status.Receipt.
type ReceiptInput struct {
	Key     string // id
	Version uint64 // of the revoked key
	Wait    time.Duration
}

// Receipt answers when every reachable edge confirmed the key's version, or
// when the wait is over.
func (s *Status) Receipt(ctx context.Context, org core.OrganizationID, in ReceiptInput) (*Receipt, error) {
	var out *Receipt
	err := s.poll(ctx, in.Wait, func() (bool, error) {
		p, err := s.store.Published(ctx, org, in.Key, in.Version)
		if err != nil {
			return false, err
		}
		reports, err := s.reports.Reports(ctx)
		if err != nil {
			return false, err
		}
		out = receipt(p, reports, s.clock())
		return out.Complete, nil
	})
	return out, err
}

func receipt(p *Published, reports []contract.EdgeReport, now time.Time) *Receipt {
	out := &Receipt{Revision: p.Rev}
	for i := range reports {
		r := &reports[i]
		switch {
		case !reachable(r, now):
			out.Unreachable = append(out.Unreachable, Unreachable{Edge: r.ID, Seen: core.FromMillis(r.Time)})
		case p.Rev > 0 && r.Lineage == p.Lineage && r.Rev >= p.Rev:
			out.Confirmed = append(out.Confirmed, Confirmation{Edge: r.ID, At: core.FromMillis(appliedAt(r, p.Rev))})
		default:
			out.Waiting = append(out.Waiting, r.ID)
		}
	}
	slices.SortFunc(out.Confirmed, func(a, b Confirmation) int { return cmp.Compare(a.Edge, b.Edge) })
	slices.SortFunc(out.Unreachable, func(a, b Unreachable) int { return cmp.Compare(a.Edge, b.Edge) })
	slices.Sort(out.Waiting)
	out.Complete = p.Rev > 0 && len(out.Waiting) == 0
	return out
}

// Edges returns all reports, in the order of ids.
func (s *Status) Edges(ctx context.Context) ([]contract.EdgeReport, error) {
	all, err := s.reports.Reports(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b contract.EdgeReport) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}

// TargetState is a target that some edge sees as down.
type TargetState struct {
	Edge string
	contract.TargetState
}

// Targets returns the targets of a gateway that some reachable edge sees as down.
func (s *Status) Targets(ctx context.Context, gateway string) ([]TargetState, error) {
	all, err := s.Edges(ctx)
	if err != nil {
		return nil, err
	}
	now := s.clock()
	var out []TargetState
	for i := range all {
		if !reachable(&all[i], now) {
			continue
		}
		for _, t := range all[i].Down {
			if t.Gateway == gateway {
				out = append(out, TargetState{Edge: all[i].ID, TargetState: t})
			}
		}
	}
	return out, nil
}
