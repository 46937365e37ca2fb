package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/event"
	"github.com/tollgate/tollgate/services/webhook"
)

func toWebhook(w *webhook.Webhook) (gen.Webhook, error) {
	out, err := recode[gen.Webhook](w.Spec)
	out.ID, out.CreatedAt, out.UpdatedAt = w.ID, w.CreatedAt, w.UpdatedAt
	st := &w.State
	out.State = gen.WebhookState{
		Status: gen.WebhookStateStatus(w.Status()), DisabledReason: optional(w.DisabledReason), DisabledAt: instant(w.DisabledAt),
		LastSuccess: instant(st.LastSuccess), LastFailure: instant(st.LastFailure), Error: optional(st.Error), StatusCode: some(st.StatusCode),
		Failures: st.Failures, FailingSince: instant(st.FailingSince), Delivered: st.Delivered, Dropped: st.Dropped, Waiting: st.Waiting,
	}
	if time.Now().Before(w.OldUntil) {
		out.State.OldSecretUntil = instant(w.OldUntil)
	}
	return out, err
}

// some is nil for a number that was not given.
func some(n int) *int {
	if n == 0 {
		return nil
	}
	return &n
}

func webhookAnswer(w *webhook.Webhook, secret string) (gen.WebhookAnswerJSONResponse, error) {
	body, err := toWebhook(w)
	body.SigningSecret = optional(secret)
	return gen.WebhookAnswerJSONResponse{Body: body, Headers: gen.WebhookAnswerResponseHeaders{ETag: etag(w.Revision)}}, err
}

func toWebhookDelivery(d *webhook.Delivery) (gen.WebhookDelivery, error) {
	out := gen.WebhookDelivery{
		ID: d.ID, Type: d.Type, State: gen.WebhookDeliveryState(d.State), Attempts: d.Attempts, StatusCode: some(d.StatusCode),
		Error: optional(d.Error), Answer: optional(d.Answer), CreatedAt: d.CreatedAt, LastAt: instant(d.LastAt), NextAt: instant(d.NextAt),
	}
	if d.Took > 0 {
		out.TookMs = new(millis(d.Took))
	}
	if err := json.Unmarshal(d.Body, &out.Payload); err != nil {
		return out, fmt.Errorf("decode message %s: %w", d.ID, err)
	}
	return out, nil
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// ListWebhookEvents lists what webhooks can be told.
func (s *Server) ListWebhookEvents(context.Context, gen.ListWebhookEventsRequestObject) (gen.ListWebhookEventsResponseObject, error) {
	kinds := event.Kinds()
	out := gen.ListWebhookEvents200JSONResponse{Items: make([]gen.WebhookEventType, len(kinds))}
	for i := range kinds {
		body, err := kinds[i].Example()
		if err != nil {
			return nil, err
		}
		it := &out.Items[i]
		it.Type, it.Description = kinds[i].Type, kinds[i].Text
		if err := json.Unmarshal(body, &it.Example); err != nil {
			return nil, fmt.Errorf("decode example of %s: %w", it.Type, err)
		}
	}
	return out, nil
}

// ListWebhooks lists the gateway's webhooks.
func (s *Server) ListWebhooks(ctx context.Context, r gen.ListWebhooksRequestObject) (gen.ListWebhooksResponseObject, error) {
	c, p := callOf(ctx), &r.Params
	l, err := s.Webhooks.List(ctx, c.org, c.ref(), listing(p.Limit, p.Cursor, p.Q, p.Sort, p.Count))
	if err != nil {
		return nil, err
	}
	items, err := eachErr(l.Items, toWebhook)
	return gen.ListWebhooks200JSONResponse{Items: items, NextCursor: optional(l.Next), Total: l.Total}, err
}

func (s *Server) putWebhook(ctx context.Context, name string, ifMatch *string) (*webhook.Saved, error) {
	c := callOf(ctx)
	spec, err := decode[webhook.Spec](c)
	if err != nil {
		return nil, err
	}
	return s.Webhooks.Put(ctx, c.org, webhook.Put{
		Gateway: c.ref(), Name: name, Spec: spec, IfMatch: core.ParseIfMatch(value(ifMatch)), CreateOnly: name == "",
	})
}

// CreateWebhook makes a webhook.
func (s *Server) CreateWebhook(ctx context.Context, _ gen.CreateWebhookRequestObject) (gen.CreateWebhookResponseObject, error) {
	v, err := s.putWebhook(ctx, "", nil)
	if err != nil {
		return nil, err
	}
	a, err := webhookAnswer(&v.Webhook, v.SigningSecret)
	return gen.CreateWebhook201JSONResponse{WebhookAnswerJSONResponse: a}, err
}

// GetWebhook shows a webhook.
func (s *Server) GetWebhook(ctx context.Context, r gen.GetWebhookRequestObject) (gen.GetWebhookResponseObject, error) {
	c := callOf(ctx)
	w, err := s.Webhooks.Get(ctx, c.org, c.ref(), r.Name)
	if err != nil {
		return nil, err
	}
	a, err := webhookAnswer(w, "")
	return gen.GetWebhook200JSONResponse{WebhookAnswerJSONResponse: a}, err
}

// PutWebhook makes or replaces a webhook.
func (s *Server) PutWebhook(ctx context.Context, r gen.PutWebhookRequestObject) (gen.PutWebhookResponseObject, error) {
	v, err := s.putWebhook(ctx, r.Name, r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	a, err := webhookAnswer(&v.Webhook, v.SigningSecret)
	if v.Created {
		return gen.PutWebhook201JSONResponse{Body: a.Body, Headers: gen.PutWebhook201ResponseHeaders(a.Headers)}, err
	}
	return gen.PutWebhook200JSONResponse{WebhookAnswerJSONResponse: a}, err
}

// DeleteWebhook deletes a webhook.
func (s *Server) DeleteWebhook(ctx context.Context, r gen.DeleteWebhookRequestObject) (gen.DeleteWebhookResponseObject, error) {
	c := callOf(ctx)
	if err := s.Webhooks.Delete(ctx, c.org, c.ref(), r.Name, core.ParseIfMatch(value(r.Params.IfMatch))); err != nil {
		return nil, err
	}
	return gen.DeleteWebhook204Response{}, nil
}

// TestWebhook sends a message now and says what came back.
func (s *Server) TestWebhook(ctx context.Context, r gen.TestWebhookRequestObject) (gen.TestWebhookResponseObject, error) {
	c := callOf(ctx)
	if err := s.mayTest(c.org); err != nil {
		return nil, err
	}
	got, err := s.Webhooks.Test(ctx, c.org, c.ref(), r.Name)
	if err != nil {
		return nil, err
	}
	return gen.TestWebhook200JSONResponse{
		Ok: got.OK, ID: got.ID, StatusCode: some(got.StatusCode), TookMs: millis(got.Took), Answer: optional(got.Answer), Error: optional(got.Error),
	}, nil
}

// RotateWebhookSecret replaces the secret that signs messages.
func (s *Server) RotateWebhookSecret(ctx context.Context, r gen.RotateWebhookSecretRequestObject) (gen.RotateWebhookSecretResponseObject, error) {
	c := callOf(ctx)
	secret, until, err := s.Webhooks.Rotate(ctx, c.org, c.ref(), r.Name)
	if err != nil {
		return nil, err
	}
	return gen.RotateWebhookSecret200JSONResponse{SigningSecret: secret, OldSecretUntil: until}, nil
}

// ListWebhookDeliveries lists a webhook's messages.
func (s *Server) ListWebhookDeliveries(ctx context.Context, r gen.ListWebhookDeliveriesRequestObject) (gen.ListWebhookDeliveriesResponseObject, error) {
	c := callOf(ctx)
	l, err := s.Webhooks.Deliveries(ctx, c.org, c.ref(), r.Name, page(r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	items, err := eachErr(l.Items, toWebhookDelivery)
	return gen.ListWebhookDeliveries200JSONResponse{Items: items, NextCursor: optional(l.Next)}, err
}

// RetryWebhookDelivery has a message sent again.
func (s *Server) RetryWebhookDelivery(ctx context.Context, r gen.RetryWebhookDeliveryRequestObject) (gen.RetryWebhookDeliveryResponseObject, error) {
	c := callOf(ctx)
	d, err := s.Webhooks.Retry(ctx, c.org, c.ref(), r.Name, r.Event)
	if err != nil {
		return nil, err
	}
	out, err := toWebhookDelivery(d)
	return gen.RetryWebhookDelivery202JSONResponse(out), err
}
