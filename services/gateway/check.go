package gateway

import (
	"context"
	"errors"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Check is one thing that somebody thinks of saving: a route, an upstream, a
// stream, or the policies on the whole gateway.
type Check struct {
	// Name is the present name of the route, upstream or stream; empty for a new one.
	Name     string             `json:"name,omitempty"`
	Route    *contract.Route    `json:"route,omitempty"`
	Upstream *contract.Upstream `json:"upstream,omitempty"`
	Policies *[]contract.Policy `json:"policies,omitempty"`
	Stream   *contract.Stream   `json:"stream,omitempty"`
}

// Check says what saving it would change, after the same checks, and changes
// nothing. Pointers of errors begin with the field that was given.
func (s *Service) Check(ctx context.Context, org core.OrganizationID, ref string, in Check) (*Diff, error) {
	given := 0
	var e edit
	if in.Route != nil {
		given++
		e = checkPart(s.Routes, in.Name, *in.Route)
	}
	if in.Upstream != nil {
		given++
		e = checkPart(s.Upstreams, in.Name, *in.Upstream)
	}
	if in.Stream != nil {
		given++
		e = checkPart(s.Streams, in.Name, *in.Stream)
	}
	if in.Policies != nil {
		given++
		e.apply = func(d *draft) error {
			d.config.Policies = *in.Policies
			return nil
		}
	}
	if given != 1 {
		return nil, core.Invalid(errors.New("must have exactly one of route, upstream, stream and policies"))
	}
	return s.preview(ctx, org, ref, e)
}

// checkPart is the edit that would put v in the place of the item called name.
func checkPart[T any](c *Collection[T], name string, v T) edit {
	in := Put[T]{Name: name, Value: v, CreateOnly: name == ""}
	title := c.d.change
	if *c.d.name(&in.Value) == "" {
		*c.d.name(&in.Value) = name
	}
	if name == "" {
		in.Name = *c.d.name(&in.Value)
	}
	at := 0
	return edit{
		apply: func(d *draft) (err error) {
			at, err = c.put(d, in)
			return err
		},
		rebase: func(errs contract.FieldErrors, d *draft) contract.FieldErrors {
			errs = rebase(errs, contract.Pointer(c.d.field, at), &d.config)
			for i := range errs {
				if errs[i].Pointer != "" {
					errs[i].Pointer = contract.Pointer(title) + errs[i].Pointer
				}
			}
			return errs
		},
	}
}

// preview is what an edit would change.
func (s *Service) preview(ctx context.Context, org core.OrganizationID, ref string, e edit) (*Diff, error) {
	g, err := s.store.Gateway(ctx, org, ref)
	if err != nil {
		return nil, err
	}
	src, err := s.store.Source(ctx, org, g.ID)
	if err != nil {
		return nil, err
	}
	before, err := src.Config()
	if err != nil {
		return nil, err
	}
	d := &draft{source: src, name: src.Gateway.Name, config: before.clone()}
	d.taken = func() ([]StreamPort, error) { return s.store.TakenPorts(ctx, org, g.ID) }
	if err := e.apply(d); err != nil {
		return nil, err
	}
	changes, err := s.review(e, &src.Gateway, before, d)
	if err != nil {
		return nil, err
	}
	if e.allow != nil {
		if err := e.allow(src, changes); err != nil {
			return nil, err
		}
	}
	effects, err := s.effects(ctx, &src.Gateway, before, &d.config, changes)
	return &Diff{Version: src.Gateway.Version, Changes: changes, Effects: effects}, err
}
