package telemetry

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// Failing finds, among the destinations that take what a gateway does, the one that
// has failed longest: its name and since when. The name is empty where none fails.
func (s *Service) Failing(ctx context.Context, org core.OrganizationID, gatewayID, gatewayName string) (name string, since time.Time, err error) {
	found, err := s.store.Destinations(ctx, org, core.Window{Limit: MaxDestinations, Field: core.SortName}, "")
	if err != nil {
		return "", time.Time{}, err
	}
	g := Gateway{ID: gatewayID, Name: gatewayName}
	for i := range found.Items {
		d := &found.Items[i]
		at := d.State.FailingSince
		if d.Status() != StatusFailing || at.IsZero() || !g.named(d.Spec.Gateways) {
			continue
		}
		if name == "" || at.Before(since) {
			name, since = d.Spec.Name, at
		}
	}
	return name, since, nil
}
