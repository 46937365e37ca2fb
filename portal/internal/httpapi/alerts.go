package httpapi

import (
	"context"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/alert"
	"github.com/tollgate/tollgate/services/core"
)

func toAlert(a *alert.Alert) (gen.Alert, error) {
	out, err := recode[gen.Alert](a.Rule)
	out.ID, out.CreatedAt, out.UpdatedAt = a.ID, a.CreatedAt, a.UpdatedAt
	st := &a.State
	out.State = gen.AlertState{
		Status: gen.AlertStateStatus(st.Status), Since: st.Since, Subject: optional(st.Subject), Detail: optional(st.Detail),
		EvaluatedAt: instant(st.Evaluated),
	}
	if st.HasValue {
		out.State.Value = &st.Value
	}
	return out, err
}

func alertAnswer(a *alert.Alert, secret string) (gen.AlertAnswerJSONResponse, error) {
	body, err := toAlert(a)
	body.SigningSecret = optional(secret)
	return gen.AlertAnswerJSONResponse{Body: body, Headers: gen.AlertAnswerResponseHeaders{ETag: etag(a.Revision)}}, err
}

func toAlertEvent(e *alert.Event) gen.AlertEvent {
	return gen.AlertEvent{
		ID: e.ID, At: e.At, Transition: gen.AlertEventTransition(e.Transition), Value: e.Value, Threshold: e.Threshold, Detail: e.Detail,
	}
}

func toAlertDelivery(d *alert.Delivery) gen.AlertDelivery {
	out := gen.AlertDelivery{
		ID: d.ID, Event: d.Event, Transition: gen.AlertDeliveryTransition(d.Transition), Channel: gen.AlertDeliveryChannel(d.Channel),
		Target: d.Target, State: gen.AlertDeliveryState(d.State), Attempts: d.Attempts, Error: optional(d.Error),
		CreatedAt: d.CreatedAt, SentAt: instant(d.SentAt), NextAt: instant(d.NextAt),
	}
	if d.StatusCode != 0 {
		out.StatusCode = &d.StatusCode
	}
	return out
}

// ListAlerts lists the gateway's alerts.
func (s *Server) ListAlerts(ctx context.Context, r gen.ListAlertsRequestObject) (gen.ListAlertsResponseObject, error) {
	c, p := callOf(ctx), &r.Params
	l, err := s.Alerts.List(ctx, c.org, c.ref(), listing(p.Limit, p.Cursor, p.Q, p.Sort, p.Count))
	if err != nil {
		return nil, err
	}
	items, err := eachErr(l.Items, toAlert)
	return gen.ListAlerts200JSONResponse{Items: items, NextCursor: optional(l.Next), Total: l.Total}, err
}

func (s *Server) putAlert(ctx context.Context, name string, ifMatch *string) (*alert.Saved, error) {
	c := callOf(ctx)
	rule, err := decode[alert.Rule](c)
	if err != nil {
		return nil, err
	}
	return s.Alerts.Put(ctx, c.org, alert.Put{
		Gateway: c.ref(), Name: name, Rule: rule, IfMatch: core.ParseIfMatch(value(ifMatch)), CreateOnly: name == "",
	})
}

// CreateAlert makes an alert.
func (s *Server) CreateAlert(ctx context.Context, _ gen.CreateAlertRequestObject) (gen.CreateAlertResponseObject, error) {
	v, err := s.putAlert(ctx, "", nil)
	if err != nil {
		return nil, err
	}
	a, err := alertAnswer(&v.Alert, v.SigningSecret)
	return gen.CreateAlert201JSONResponse{AlertAnswerJSONResponse: a}, err
}

// GetAlert shows an alert.
func (s *Server) GetAlert(ctx context.Context, r gen.GetAlertRequestObject) (gen.GetAlertResponseObject, error) {
	c := callOf(ctx)
	v, err := s.Alerts.Get(ctx, c.org, c.ref(), r.Name)
	if err != nil {
		return nil, err
	}
	a, err := alertAnswer(v, "")
	return gen.GetAlert200JSONResponse{AlertAnswerJSONResponse: a}, err
}

// PutAlert makes or replaces an alert.
func (s *Server) PutAlert(ctx context.Context, r gen.PutAlertRequestObject) (gen.PutAlertResponseObject, error) {
	v, err := s.putAlert(ctx, r.Name, r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	a, err := alertAnswer(&v.Alert, v.SigningSecret)
	if v.Created {
		return gen.PutAlert201JSONResponse{Body: a.Body, Headers: gen.PutAlert201ResponseHeaders(a.Headers)}, err
	}
	return gen.PutAlert200JSONResponse{AlertAnswerJSONResponse: a}, err
}

// DeleteAlert deletes an alert.
func (s *Server) DeleteAlert(ctx context.Context, r gen.DeleteAlertRequestObject) (gen.DeleteAlertResponseObject, error) {
	c := callOf(ctx)
	if err := s.Alerts.Delete(ctx, c.org, c.ref(), r.Name, core.ParseIfMatch(value(r.Params.IfMatch))); err != nil {
		return nil, err
	}
	return gen.DeleteAlert204Response{}, nil
}

// TestAlert sends a notice by every channel.
func (s *Server) TestAlert(ctx context.Context, r gen.TestAlertRequestObject) (gen.TestAlertResponseObject, error) {
	c := callOf(ctx)
	sent, err := s.Alerts.Test(ctx, c.org, c.ref(), r.Name)
	if err != nil {
		return nil, err
	}
	return gen.TestAlert202JSONResponse{Items: each(sent, toAlertDelivery)}, nil
}

// RotateAlertSecret replaces the secret that signs webhooks.
func (s *Server) RotateAlertSecret(ctx context.Context, r gen.RotateAlertSecretRequestObject) (gen.RotateAlertSecretResponseObject, error) {
	c := callOf(ctx)
	secret, err := s.Alerts.RotateSecret(ctx, c.org, c.ref(), r.Name)
	if err != nil {
		return nil, err
	}
	return gen.RotateAlertSecret200JSONResponse{SigningSecret: secret}, nil
}

// ListAlertHistory lists an alert's transitions.
func (s *Server) ListAlertHistory(ctx context.Context, r gen.ListAlertHistoryRequestObject) (gen.ListAlertHistoryResponseObject, error) {
	c := callOf(ctx)
	l, err := s.Alerts.History(ctx, c.org, c.ref(), r.Name, page(r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return gen.ListAlertHistory200JSONResponse{Items: each(l.Items, toAlertEvent), NextCursor: optional(l.Next)}, nil
}

// ListAlertDeliveries lists an alert's notices.
func (s *Server) ListAlertDeliveries(ctx context.Context, r gen.ListAlertDeliveriesRequestObject) (gen.ListAlertDeliveriesResponseObject, error) {
	c := callOf(ctx)
	l, err := s.Alerts.Deliveries(ctx, c.org, c.ref(), r.Name, page(r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return gen.ListAlertDeliveries200JSONResponse{Items: each(l.Items, toAlertDelivery), NextCursor: optional(l.Next)}, nil
}
