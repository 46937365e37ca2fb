package gateway

import (
	"context"
	"fmt"

	"github.com/tollgate/tollgate/services/contract"
)

// Effect is what a change does beyond the thing that is changed, in words.
type Effect struct {
	Kind   string // of the change
	Name   string
	Detail string // a sentence without its full stop
}

// effects tells of the changes of what is there already how much hangs on it. New
// things have no effect on others, and nothing that is used can go.
func (s *Service) effects(ctx context.Context, g *Gateway, before, now *Config, changes []Change) ([]Effect, error) {
	var out []Effect
	for i := range changes {
		c := &changes[i]
		if len(c.Before) == 0 || len(c.After) == 0 {
			continue
		}
		var details []string
		switch c.Kind {
		case ChangeRoute:
			details = routeEffects(itemOf(&routes, before, c.ID), itemOf(&routes, now, c.ID))
		case ChangeUpstream:
			if users := now.users(KindUpstream, c.Name); len(users) > 0 {
				details = []string{"requests of " + enumerate(users) + " go to it"}
			}
		case ChangePolicies:
			if n := len(now.Routes); n > 0 {
				details = []string{counted(n, "route inherits", "routes inherit") + " them"}
			}
		case ChangeUsagePlan:
			n, err := s.planUsers(ctx, g, c.ID)
			if err != nil {
				return nil, err
			}
			if n > 0 {
				details = []string{counted(n, "consumer or key has", "consumers and keys have") + " it"}
			}
		}
		for _, detail := range details {
			out = append(out, Effect{c.Kind, c.Name, detail})
		}
	}
	return out, nil
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func routeEffects(was, is *contract.Route) (out []string) {
	if is.Public && !was.Public {
		out = append(out, "it answers without credentials from now on")
	}
	if was.Match.Path != is.Match.Path {
		out = append(out, fmt.Sprintf("requests for %.200s are left to other routes, or answered with 404", was.Match.Path))
	}
	if was.Upstream != is.Upstream && was.Upstream != "" && is.Upstream != "" {
		out = append(out, fmt.Sprintf("its requests go to %s, no longer to %s", is.Upstream, was.Upstream))
	}
	return out
}

func itemOf[T any](p *part[T], c *Config, id string) *T {
	items := *p.list(c)
	for i := range items {
		if *p.id(&items[i]) == id {
			return &items[i]
		}
	}
	return new(T)
}

func (s *Service) planUsers(ctx context.Context, g *Gateway, id string) (n int, err error) {
	err = s.store.Tx(ctx, func(tx Tx) error {
		n, err = tx.PlanUsers(g.Organization, g.ID, []string{id})
		return err
	})
	return n, err
}
