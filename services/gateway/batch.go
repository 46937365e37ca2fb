package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// MaxBatch is how many parts one batch may have.
const MaxBatch = 1000

// Part is one change of a batch: what is to be there, or the kind of what goes.
type Part struct {
	// Name is the part's present name. Empty: the value's own, and there must be
	// none of that name.
	Name      string              `json:"name,omitempty"`
	Route     *contract.Route     `json:"route,omitempty"`
	Upstream  *contract.Upstream  `json:"upstream,omitempty"`
	UsagePlan *contract.UsagePlan `json:"usage_plan,omitempty"`
	Stream    *contract.Stream    `json:"stream,omitempty"`
	Delete    string              `json:"delete,omitempty"` // ChangeRoute …
}

// SavedPart is what became of a part of a batch: at most one is set, none of what
// was deleted.
type SavedPart struct {
	Created   bool
	Route     *Item[contract.Route]
	Upstream  *Item[contract.Upstream]
	UsagePlan *Item[contract.UsagePlan]
	Stream    *Item[contract.Stream]
}

// SavedBatch is the answer to a batch: its parts in their order.
type SavedBatch struct {
	Version uint64
	Parts   []SavedPart
}

// Batch is the input of Service.Batch.
type Batch struct {
	Gateway string // id or name
	Parts   []Part
	IfMatch core.IfMatch // on the gateway's version
}

// Batch makes many changes of parts as one version, all or nothing. Pointers of
// errors begin with the part: /changes/3/route/match. References to what is renamed
// follow it, as with a single change.
func (s *Service) Batch(ctx context.Context, org core.OrganizationID, in Batch) (*SavedBatch, error) {
	edits, err := s.partEdits(in.Parts)
	if err != nil {
		return nil, err
	}
	var d *draft
	done, err := s.change(ctx, org, edit{
		gateway: in.Gateway, ifMatch: in.IfMatch, action: "gateway.batch",
		apply: func(now *draft) error {
			d = now
			return applyAll(edits, now)
		},
		rebase: func(errs contract.FieldErrors, d *draft) contract.FieldErrors {
			at := map[string]string{}
			for i, e := range edits {
				if !e.gone {
					at[e.pointer()] = contract.Pointer("changes", i, e.change)
				}
			}
			return moved(errs, at, &d.config)
		},
	})
	if err != nil {
		return nil, err
	}
	out := &SavedBatch{Version: done.gateway.Version, Parts: make([]SavedPart, len(edits))}
	for i, e := range edits {
		if e.gone {
			continue
		}
		if err := e.saved(done, d, e, &out.Parts[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// partEdit is one part of a batch while it is carried out.
type partEdit struct {
	change, field, title string
	names                []string // that it has and will have
	gone                 bool     // it is deleted
	at                   int      // where it stands in its list; of what goes, where it stood
	created              bool

	put   func(*draft, *partEdit) error
	drop  func(*draft, *partEdit) error
	saved func(*done, *draft, *partEdit, *SavedPart) error
}

func (e *partEdit) pointer() string { return contract.Pointer(e.field, e.at) }

// partEdits checks the form of a batch: each part is one change, and no two are
// about the same name.
func (s *Service) partEdits(parts []Part) ([]*partEdit, error) {
	var errs contract.FieldErrors
	if n := len(parts); n == 0 || n > MaxBatch {
		errs.Add("/changes", fmt.Sprintf("has %d changes: from 1 to %d are allowed", n, MaxBatch))
		return nil, core.Invalid(errs)
	}
	out := make([]*partEdit, len(parts))
	taken := map[string]int{}
	for i := range parts {
		e, err := s.partEdit(&parts[i])
		if err != nil {
			errs.AddAt(contract.Pointer("changes", i), err)
			continue
		}
		out[i] = e
		for _, name := range e.names {
			key := e.change + " " + name
			if first, ok := taken[key]; ok && first != i {
				errs.Add(contract.Pointer("changes", i), fmt.Sprintf("is about the %s %.140q, and so is %s: one change for each", e.title, name, contract.Pointer("changes", first)))
			}
			taken[key] = i
		}
	}
	return out, core.Invalid(errs.Err())
}

func (s *Service) partEdit(p *Part) (*partEdit, error) {
	var all []*partEdit
	if p.Route != nil {
		all = append(all, editOf(s.Routes, p.Name, *p.Route, func(to *SavedPart, it *Item[contract.Route]) { to.Route = it }))
	}
	if p.Upstream != nil {
		all = append(all, editOf(s.Upstreams, p.Name, *p.Upstream, func(to *SavedPart, it *Item[contract.Upstream]) { to.Upstream = it }))
	}
	if p.UsagePlan != nil {
		all = append(all, editOf(s.UsagePlans, p.Name, *p.UsagePlan, func(to *SavedPart, it *Item[contract.UsagePlan]) { to.UsagePlan = it }))
	}
	if p.Stream != nil {
		all = append(all, editOf(s.Streams, p.Name, *p.Stream, func(to *SavedPart, it *Item[contract.Stream]) { to.Stream = it }))
	}
	switch p.Delete {
	case "":
	case ChangeRoute:
		all = append(all, dropOf(s.Routes, p.Name))
	case ChangeUpstream:
		all = append(all, dropOf(s.Upstreams, p.Name))
	case ChangeUsagePlan:
		all = append(all, dropOf(s.UsagePlans, p.Name))
	case ChangeStream:
		all = append(all, dropOf(s.Streams, p.Name))
	default:
		return nil, contract.FieldErrors{{Pointer: "/delete", Detail: fmt.Sprintf("is %.40q, want route, upstream, usage_plan or stream", p.Delete)}}
	}
	switch {
	case len(all) != 1:
		return nil, errors.New("must have exactly one of route, upstream, usage_plan, stream and delete")
	case all[0].gone && p.Name == "":
		return nil, contract.FieldErrors{{Pointer: "/name", Detail: "is needed to delete something"}}
	}
	return all[0], nil
}

func editOf[T any](c *Collection[T], name string, v T, set func(*SavedPart, *Item[T])) *partEdit {
	in := Put[T]{Name: name, Value: v, CreateOnly: name == ""}
	if *c.d.name(&in.Value) == "" {
		*c.d.name(&in.Value) = name
	}
	if in.Name == "" {
		in.Name = *c.d.name(&in.Value)
	}
	return &partEdit{
		change: c.d.change, field: c.d.field, title: c.d.title, names: []string{in.Name, *c.d.name(&in.Value)},
		put: func(d *draft, e *partEdit) (err error) {
			if e.at, err = c.put(d, in); err == nil {
				e.created = *c.d.id(&(*c.d.list(&d.config))[e.at]) == ""
			}
			return err
		},
		saved: func(now *done, d *draft, e *partEdit, to *SavedPart) error {
			id := *c.d.id(&(*c.d.list(&now.config))[e.at])
			entry := now.entries[id]
			if entry == nil { // as it was
				entry = d.source.entry(c.d.kind, id)
			}
			it, err := c.d.item(entry)
			if err != nil {
				return err
			}
			to.Created = e.created
			set(to, &it)
			return nil
		},
	}
}

func dropOf[T any](c *Collection[T], name string) *partEdit {
	return &partEdit{
		change: c.d.change, field: c.d.field, title: c.d.title, names: []string{name}, gone: true,
		drop: func(d *draft, e *partEdit) error {
			if e.at = c.d.find(&d.config, name); e.at < 0 {
				return core.NotFound(c.d.title, name)
			}
			items := c.d.list(&d.config)
			*items = slices.Delete(*items, e.at, e.at+1)
			return nil
		},
	}
}

// applyAll carries a batch out: first what is put, then what goes, and only then
// whether something that is left needs what is gone.
func applyAll(edits []*partEdit, d *draft) error {
	for i, e := range edits {
		if e.gone {
			continue
		}
		if err := e.put(d, e); err != nil {
			return partError(err, i)
		}
	}
	for i, e := range edits {
		if !e.gone {
			continue
		}
		if err := e.drop(d, e); err != nil {
			return partError(err, i)
		}
		for _, other := range edits {
			if !other.gone && other.field == e.field && other.at > e.at {
				other.at--
			}
		}
	}
	for i, e := range edits {
		if !e.gone {
			continue
		}
		k, _ := kindOf(e.change)
		if users := d.config.users(k, e.names[0]); len(users) > 0 {
			return partError(core.Errorf(core.CodeInUse, "the %s %q is used by %s", e.title, e.names[0], enumerate(users)), i)
		}
	}
	return nil
}

// partError says which part of a batch an error is about.
func partError(err error, i int) error {
	var e *core.Error
	if !errors.As(err, &e) || len(e.Fields) > 0 {
		return err
	}
	out := *e
	out.Fields = contract.FieldErrors{{Pointer: contract.Pointer("changes", i), Detail: e.Detail}}
	return &out
}
