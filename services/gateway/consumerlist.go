package gateway

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// ConsumerList asks for a page of a gateway's consumers.
type ConsumerList struct {
	Gateway string // id or name
	core.Listing
	UsagePlan string // name; empty: any or none
}

// ConsumerWindow is a checked ConsumerList.
type ConsumerWindow struct {
	core.Window
	UsagePlan string
}

// List returns a page of a gateway's consumers, by name where nothing else is
// asked.
func (s *Consumers) List(ctx context.Context, org core.OrganizationID, in ConsumerList) (core.List[Consumer], error) {
	w, err := in.Window(core.SortName, core.SortCreated, core.SortUpdated)
	if err != nil {
		return core.List[Consumer]{}, err
	}
	g, err := s.store.Gateway(ctx, org, in.Gateway)
	if err != nil {
		return core.List[Consumer]{}, err
	}
	found, err := s.store.Consumers(ctx, org, g.ID, ConsumerWindow{w, in.UsagePlan})
	if err != nil {
		return core.List[Consumer]{}, err
	}
	return core.Cut(&w, found, func(c *Consumer) (string, time.Time, time.Time, string) {
		return c.Name, c.CreatedAt, c.UpdatedAt, c.ID
	}), nil
}
