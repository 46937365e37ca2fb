package httpapi

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/telemetry"
)

// How often an organization may test its telemetry destinations and webhooks: each
// test is a request to an address of its choice.
const (
	testEvery = 2 * time.Second
	testBurst = 5
	testKeys  = 10_000 // organizations that are remembered
)

func toTelemetryDestination(d *telemetry.Destination) (gen.TelemetryDestination, error) {
	out, err := recode[gen.TelemetryDestination](d.Spec)
	out.ID, out.CreatedAt, out.UpdatedAt = d.ID, d.CreatedAt, d.UpdatedAt
	st := &d.State
	out.State = gen.TelemetryState{
		Status: gen.TelemetryStateStatus(d.Status()), LastSuccess: instant(st.LastSuccess), LastFailure: instant(st.LastFailure),
		Error: optional(st.Error), Failures: st.Failures, FailingSince: instant(st.FailingSince), Sent: st.Sent, Dropped: st.Dropped,
	}
	if st.StatusCode != 0 {
		out.State.StatusCode = &st.StatusCode
	}
	if d.Waiting != 0 {
		out.State.Waiting = &d.Waiting
	}
	return out, err
}

func telemetryAnswer(d *telemetry.Destination) (gen.TelemetryDestinationAnswerJSONResponse, error) {
	body, err := toTelemetryDestination(d)
	return gen.TelemetryDestinationAnswerJSONResponse{Body: body, Headers: gen.TelemetryDestinationAnswerResponseHeaders{ETag: etag(d.Revision)}}, err
}

// ListTelemetryDestinations lists the organization's telemetry destinations.
func (s *Server) ListTelemetryDestinations(ctx context.Context, r gen.ListTelemetryDestinationsRequestObject) (gen.ListTelemetryDestinationsResponseObject, error) {
	c, p := callOf(ctx), &r.Params
	l, err := s.Telemetry.List(ctx, c.org, listing(p.Limit, p.Cursor, p.Q, p.Sort, p.Count))
	if err != nil {
		return nil, err
	}
	items, err := eachErr(l.Items, toTelemetryDestination)
	return gen.ListTelemetryDestinations200JSONResponse{Items: items, NextCursor: optional(l.Next), Total: l.Total}, err
}

func (s *Server) putTelemetryDestination(ctx context.Context, name string, ifMatch *string) (*telemetry.Destination, bool, error) {
	c := callOf(ctx)
	spec, err := decode[telemetry.Spec](c)
	if err != nil {
		return nil, false, err
	}
	return s.Telemetry.Put(ctx, c.org, telemetry.Put{Name: name, Spec: spec, IfMatch: core.ParseIfMatch(value(ifMatch)), CreateOnly: name == ""})
}

// CreateTelemetryDestination makes a telemetry destination.
func (s *Server) CreateTelemetryDestination(ctx context.Context, _ gen.CreateTelemetryDestinationRequestObject) (gen.CreateTelemetryDestinationResponseObject, error) {
	d, _, err := s.putTelemetryDestination(ctx, "", nil)
	if err != nil {
		return nil, err
	}
	a, err := telemetryAnswer(d)
	return gen.CreateTelemetryDestination201JSONResponse{TelemetryDestinationAnswerJSONResponse: a}, err
}

// GetTelemetryDestination shows a telemetry destination.
func (s *Server) GetTelemetryDestination(ctx context.Context, r gen.GetTelemetryDestinationRequestObject) (gen.GetTelemetryDestinationResponseObject, error) {
	d, err := s.Telemetry.Get(ctx, callOf(ctx).org, r.Name)
	if err != nil {
		return nil, err
	}
	a, err := telemetryAnswer(d)
	return gen.GetTelemetryDestination200JSONResponse{TelemetryDestinationAnswerJSONResponse: a}, err
}

// PutTelemetryDestination makes or replaces a telemetry destination.
func (s *Server) PutTelemetryDestination(ctx context.Context, r gen.PutTelemetryDestinationRequestObject) (gen.PutTelemetryDestinationResponseObject, error) {
	d, created, err := s.putTelemetryDestination(ctx, r.Name, r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	a, err := telemetryAnswer(d)
	if created {
		return gen.PutTelemetryDestination201JSONResponse{Body: a.Body, Headers: gen.PutTelemetryDestination201ResponseHeaders(a.Headers)}, err
	}
	return gen.PutTelemetryDestination200JSONResponse{TelemetryDestinationAnswerJSONResponse: a}, err
}

// DeleteTelemetryDestination deletes a telemetry destination.
func (s *Server) DeleteTelemetryDestination(ctx context.Context, r gen.DeleteTelemetryDestinationRequestObject) (gen.DeleteTelemetryDestinationResponseObject, error) {
	if err := s.Telemetry.Delete(ctx, callOf(ctx).org, r.Name, core.ParseIfMatch(value(r.Params.IfMatch))); err != nil {
		return nil, err
	}
	return gen.DeleteTelemetryDestination204Response{}, nil
}

// mayTest takes one of the organization's tests.
func (s *Server) mayTest(org core.OrganizationID) error {
	wait := s.testPace.Take(string(org))
	if wait <= 0 {
		return nil
	}
	e := core.Errorf(core.CodeThrottled, "too many tests: wait %s", wait.Round(time.Second))
	e.RetryAfter = wait
	return e
}

// TestTelemetryDestination sends a made-up record and says what came back.
func (s *Server) TestTelemetryDestination(ctx context.Context, r gen.TestTelemetryDestinationRequestObject) (gen.TestTelemetryDestinationResponseObject, error) {
	c := callOf(ctx)
	if err := s.mayTest(c.org); err != nil {
		return nil, err
	}
	got, err := s.Telemetry.Test(ctx, c.org, r.Name)
	if err != nil {
		return nil, err
	}
	out := gen.TestTelemetryDestination200JSONResponse{Ok: got.OK, TookMs: float64(got.Took.Microseconds()) / 1000, Error: optional(got.Error)}
	if got.StatusCode != 0 {
		out.StatusCode = &got.StatusCode
	}
	return out, nil
}
