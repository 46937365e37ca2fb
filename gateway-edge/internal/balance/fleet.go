package balance

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/contract"
)

// Endpoint is one address behind the name of a target.
type Endpoint struct {
	Addr netip.AddrPort
	// Priority and Weight are of its SRV record (RFC 2782): the smallest priority
	// goes first, and stands first in a list. Weights count among each other; 0, of a name without such records,
	// is an equal share.
	Priority uint16
	Weight   uint64
}

// MaxEndpoints bounds the addresses of all names of one upstream. Names for which
// there is no room are connected to by name.
const MaxEndpoints = 512

// fleet is the targets of an upstream at one time. It is immutable: names that get
// other addresses make a new one.
type fleet struct {
	targets []*Target
	share   []int              // of the load, by index of the target; 0: none
	groups  [][]int            // indexes of targets, by priority, the first group first
	ring    ring               // nil: nobody hashes
	tokens  map[string]*Target // by the value of a session cookie
	names   [][]Endpoint       // by slot: what it was made of
}

// slot is one configured target.
type slot struct {
	url    *match.URL
	text   string // as configured
	id     uint64
	weight int
	limit  int64
	group  int // of its priority
	spec   Spec
}

// named reports whether there may be several addresses behind the target.
func (s *slot) named() bool { return !s.url.Addr.IsValid() }

// addSlots compiles what is configured of targets.
func (u *Upstream) addSlots(key Key, doc *contract.Upstream, urls []*match.URL) {
	for i, url := range urls {
		from := &doc.Targets[i]
		s := slot{
			url: url, text: from.URL, id: contract.TargetID(doc.Num, from.URL), weight: 1,
			limit: int64(doc.MaxRequests), group: from.Priority, spec: specOf(key, u, url, doc),
		}
		if from.Weight != nil {
			s.weight = *from.Weight
		}
		if from.MaxRequests > 0 {
			s.limit = int64(from.MaxRequests)
		}
		if from.Backup {
			s.group = match.MaxPriority + 1
		}
		if s.limit > 0 {
			u.addQueue(doc.Queue)
		}
		u.slots = append(u.slots, s)
	}
}

func specOf(key Key, u *Upstream, url *match.URL, doc *contract.Upstream) Spec {
	s := Spec{Organization: key.Organization, Upstream: key.Upstream, URL: url, Protocol: u.Protocol, Connect: u.Timeouts.Connect, MaxIdle: defaultMaxIdle, IdleTimeout: defaultIdleTimeout}
	if doc.TLS != nil {
		s.TLS = *doc.TLS
	}
	if k := doc.Keepalive; k != nil {
		if k.MaxIdle > 0 {
			s.MaxIdle = k.MaxIdle
		}
		s.IdleTimeout = or(k.IdleTimeout, defaultIdleTimeout)
	}
	return s
}

// shareUnit is what the weight 1 has of a fleet in which SRV records divide the
// weights of their targets.
const shareUnit = 1024

// newFleet makes the targets of u by what names have now. old is the fleet before,
// nil for none: what stays keeps its Target. at is the slot that err is about.
func (r *Registry) newFleet(u *Upstream, old *fleet) (f *fleet, at int, err error) {
	f = &fleet{names: r.names(u, old)}
	unit := 1
	for _, list := range f.names {
		if len(list) > 0 && list[0].Weight > 0 {
			unit = shareUnit
		}
	}
	var order []place
	for i := range u.slots {
		s := &u.slots[i]
		if len(f.names[i]) == 0 {
			if err := r.addTarget(u, f, old, i, netip.AddrPort{}); err != nil {
				return nil, i, err
			}
			f.share = append(f.share, s.weight*unit)
			order = append(order, place{s.group, 0})
			continue
		}
		rank := 0
		for k, e := range f.names[i] {
			if k > 0 && e.Priority != f.names[i][k-1].Priority {
				rank++
			}
			if err := r.addTarget(u, f, old, i, e.Addr); err != nil {
				return nil, i, err
			}
			f.share = append(f.share, s.weight*shareOf(e, f.names[i], unit))
			order = append(order, place{s.group, rank})
		}
	}
	f.arrange(order)
	if u.hash != nil || u.sessions != nil && u.sessions.cookie == "" {
		f.ring = newRing(f.targets, f.share)
	}
	if u.sessions != nil && u.sessions.cookie != "" {
		f.tokens = make(map[string]*Target, len(f.targets))
		for _, t := range f.targets {
			f.tokens[t.token] = t
		}
	}
	return f, 0, nil
}

// place is where a target stands: in the group of its configured priority, and
// there by the rank of its SRV record's priority among those of its name. Whatever
// has no such record stands with the first ones.
type place struct{ group, rank int }

// arrange groups the targets by their places.
func (f *fleet) arrange(order []place) {
	indexes := make([]int, len(order))
	for i := range indexes {
		indexes[i] = i
	}
	slices.SortStableFunc(indexes, func(a, b int) int {
		return cmp.Or(cmp.Compare(order[a].group, order[b].group), cmp.Compare(order[a].rank, order[b].rank))
	})
	for k, i := range indexes {
		if k == 0 || order[i] != order[indexes[k-1]] {
			f.groups = append(f.groups, nil)
		}
		last := len(f.groups) - 1
		f.groups[last] = append(f.groups[last], i)
	}
}

// shareOf is what an endpoint has where the weight 1 has unit: each address of a
// name as much as one configured by its address; SRV records of one priority as
// much together, divided by their weights.
func shareOf(e Endpoint, list []Endpoint, unit int) int {
	if e.Weight == 0 {
		return unit
	}
	n, sum := uint64(0), uint64(0)
	for _, x := range list {
		if x.Priority == e.Priority {
			n++
			sum += x.Weight
		}
	}
	return int(max(1, uint64(unit)*n*e.Weight/sum))
}

// addTarget adds the target of a slot at an address, the one of the fleet before
// where it had it.
func (r *Registry) addTarget(u *Upstream, f, old *fleet, at int, addr netip.AddrPort) (err error) {
	s := &u.slots[at]
	key := s.url.String()
	if addr.IsValid() {
		key += "@" + addr.String()
	}
	var like *state
	if old != nil {
		for _, t := range old.targets {
			if t.index != at {
				continue
			}
			if t.state.url == key {
				f.targets = append(f.targets, t)
				return nil
			}
			if !t.addr.IsValid() {
				like = t.state // the name alone was known: nothing new comes into service
			}
		}
	}
	t := &Target{
		URL: s.url, Text: s.text, ID: s.id, Weight: s.weight, addr: addr, index: at, upstream: u,
		limit: s.limit, guarded: s.limit > 0 || u.breaker != nil, state: u.group.state(key, like),
	}
	if r.cfg.Open != nil {
		spec := s.spec
		spec.Addr = addr
		if t.Backend, err = r.cfg.Open(spec); err != nil {
			return err
		}
	}
	if u.sessions != nil && u.sessions.cookie != "" {
		t.token = r.token(u.group.key, key)
		t.cookie = u.sessions.cookie + "=" + t.token + u.sessions.tail
	}
	f.targets = append(f.targets, t)
	return nil
}

// names looks up what each slot's name has.
func (r *Registry) names(u *Upstream, old *fleet) [][]Endpoint {
	out := make([][]Endpoint, len(u.slots))
	room := MaxEndpoints
	for i := range u.slots {
		s := &u.slots[i]
		if r.cfg.Endpoints == nil || !s.named() {
			continue
		}
		list, ok := r.cfg.Endpoints(u.group.key.Organization, s.url)
		if !ok && old != nil {
			list = old.names[i]
		}
		if len(list) <= room {
			out[i] = list
			room -= len(list)
		}
	}
	return out
}

// withNames returns the live upstreams that have names. The lock is held.
func (r *Registry) withNames() []*Upstream {
	out := []*Upstream{}
	for _, list := range r.live {
		for _, u := range list {
			if r.cfg.Endpoints != nil && slices.ContainsFunc(u.slots, func(s slot) bool { return s.named() }) {
				out = append(out, u)
			}
		}
	}
	return out
}

// follow looks at the names of upstreams: at all with each, else only at those of
// which nothing is known yet.
func (r *Registry) follow(named []*Upstream, each bool) {
	changed := false
	for _, u := range named {
		if each || u.fleet.Load().unknown() {
			changed = r.refit(u) || changed
		}
	}
	if changed {
		r.tell()
	}
}

// unknown reports whether some target is connected to by name.
func (f *fleet) unknown() bool {
	return slices.ContainsFunc(f.targets, func(t *Target) bool { return !t.URL.Addr.IsValid() && !t.addr.IsValid() })
}

// refit gives an upstream the addresses that its names have by now; changed says
// that they are others. Requests that are under way go on: targets that are gone
// drain, and their connections close as they become idle.
func (r *Registry) refit(u *Upstream) (changed bool) {
	r.refits.Lock()
	defer r.refits.Unlock()
	old := u.fleet.Load()
	if slices.EqualFunc(r.names(u, old), old.names, func(a, b []Endpoint) bool { return slices.Equal(a, b) }) {
		return false
	}
	f, _, err := r.newFleet(u, old)
	if err != nil {
		return false // what can't be opened could not when u was compiled
	}
	u.fleet.Store(f)
	u.group.refitted(u, old)
	for _, t := range old.targets {
		if t.Backend != nil && !slices.Contains(f.targets, t) {
			t.Backend.Close()
		}
	}
	return true
}
