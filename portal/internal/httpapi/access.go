package httpapi

import (
	"context"
	"encoding/json"
	"time"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/apikey"
	"github.com/tollgate/tollgate/services/contract/failpoint"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/publish"
)

// ListConsumers lists the gateway's consumers.
func (s *Server) ListConsumers(ctx context.Context, r gen.ListConsumersRequestObject) (gen.ListConsumersResponseObject, error) {
	c := callOf(ctx)
	p := &r.Params
	l, err := s.Consumers.List(ctx, c.org, gateway.ConsumerList{
		Gateway: c.ref(), Listing: listing(p.Limit, p.Cursor, p.Q, p.Sort, p.Count), UsagePlan: value(p.UsagePlan),
	})
	if err != nil {
		return nil, err
	}
	items := each(l.Items, toConsumer)
	if value(p.Budgets) {
		if err := s.consumerBudgets(ctx, l.Items, items); err != nil {
			return nil, err
		}
	}
	return gen.ListConsumers200JSONResponse{Items: items, NextCursor: optional(l.Next), Total: l.Total}, nil
}

func (s *Server) putConsumer(ctx context.Context, name string, in *gen.ConsumerInput, ifMatch *string) (*gateway.SavedConsumer, error) {
	c := callOf(ctx)
	var metadata json.RawMessage
	if in.Metadata != nil {
		metadata = *in.Metadata
	}
	identities := each(value(in.Identities), func(v *gen.ConsumerIdentity) gateway.Identity {
		return gateway.Identity{Issuer: v.Issuer, Subject: v.Subject}
	})
	return s.Consumers.Put(ctx, c.org, gateway.PutConsumer{
		Gateway: c.ref(), Name: name, NewName: value(in.Name), UsagePlan: value(in.UsagePlan), Metadata: metadata,
		Identities: identities,
		IfMatch:    core.ParseIfMatch(value(ifMatch)), CreateOnly: name == "",
	})
}

// CreateConsumer makes a consumer.
func (s *Server) CreateConsumer(ctx context.Context, r gen.CreateConsumerRequestObject) (gen.CreateConsumerResponseObject, error) {
	v, err := s.putConsumer(ctx, "", r.Body, nil)
	if err != nil {
		return nil, err
	}
	return gen.CreateConsumer201JSONResponse{ConsumerAnswerJSONResponse: consumerAnswer(&v.Consumer)}, nil
}

// GetConsumer shows a consumer.
func (s *Server) GetConsumer(ctx context.Context, r gen.GetConsumerRequestObject) (gen.GetConsumerResponseObject, error) {
	c := callOf(ctx)
	v, err := s.Consumers.Get(ctx, c.org, c.ref(), r.Name)
	if err != nil {
		return nil, err
	}
	a := consumerAnswer(v)
	out := []gen.Consumer{a.Body}
	if err := s.consumerBudgets(ctx, []gateway.Consumer{*v}, out); err != nil {
		return nil, err
	}
	a.Body = out[0]
	return gen.GetConsumer200JSONResponse{ConsumerAnswerJSONResponse: a}, nil
}

// PutConsumer makes or replaces a consumer.
func (s *Server) PutConsumer(ctx context.Context, r gen.PutConsumerRequestObject) (gen.PutConsumerResponseObject, error) {
	v, err := s.putConsumer(ctx, r.Name, r.Body, r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	a := consumerAnswer(&v.Consumer)
	if v.Created {
		return gen.PutConsumer201JSONResponse{Body: a.Body, Headers: gen.PutConsumer201ResponseHeaders(a.Headers)}, nil
	}
	return gen.PutConsumer200JSONResponse{ConsumerAnswerJSONResponse: a}, nil
}

// DeleteConsumer deletes a consumer with its keys.
func (s *Server) DeleteConsumer(ctx context.Context, r gen.DeleteConsumerRequestObject) (gen.DeleteConsumerResponseObject, error) {
	c := callOf(ctx)
	err := s.Consumers.Delete(ctx, c.org, gateway.Delete{
		Gateway: c.ref(), Name: r.Name, IfMatch: core.ParseIfMatch(value(r.Params.IfMatch)),
	})
	if err != nil {
		return nil, err
	}
	return gen.DeleteConsumer204Response{}, nil
}

// ListKeys lists the gateway's keys.
func (s *Server) ListKeys(ctx context.Context, r gen.ListKeysRequestObject) (gen.ListKeysResponseObject, error) {
	c := callOf(ctx)
	p := &r.Params
	l, err := s.Keys.List(ctx, c.org, apikey.List{
		Gateway: c.ref(), Listing: listing(p.Limit, p.Cursor, p.Q, p.Sort, p.Count),
		Consumer: value(p.Consumer), UsagePlan: value(p.UsagePlan), Status: string(value(p.State)),
	})
	if err != nil {
		return nil, err
	}
	items := each(l.Items, s.toKey)
	if err := s.lastUses(ctx, c, l.Items, items); err != nil {
		return nil, err
	}
	if value(p.Budgets) {
		if err := s.keyBudgets(ctx, l.Items, items); err != nil {
			return nil, err
		}
	}
	return gen.ListKeys200JSONResponse{Items: items, NextCursor: optional(l.Next), Total: l.Total}, nil
}

// CreateKey issues a key.
func (s *Server) CreateKey(ctx context.Context, r gen.CreateKeyRequestObject) (gen.CreateKeyResponseObject, error) {
	c := callOf(ctx)
	limits, err := limitsOf(r.Body.Limits)
	if err != nil {
		return nil, err
	}
	k, err := s.Keys.Create(ctx, c.org, apikey.Create{
		Gateway: c.ref(), Consumer: r.Body.Consumer, Name: value(r.Body.Name), UsagePlan: value(r.Body.UsagePlan),
		Scopes: value(r.Body.Scopes), NotBefore: value(r.Body.NotBefore), Expires: value(r.Body.ExpiresAt),
		Limits: limits,
	})
	if err != nil {
		return nil, err
	}
	failpoint.Hit(failpoint.PortalKeyAfterCommitBeforeReply)
	a, err := s.newKeyAnswer(k, nil)
	return gen.CreateKey201JSONResponse{NewKeyAnswerJSONResponse: a}, err
}

// GetKey shows a key.
func (s *Server) GetKey(ctx context.Context, r gen.GetKeyRequestObject) (gen.GetKeyResponseObject, error) {
	c := callOf(ctx)
	k, err := s.Keys.Get(ctx, c.org, c.ref(), r.Key)
	if err != nil {
		return nil, err
	}
	a := s.keyAnswer(k)
	out := []gen.Key{a.Body}
	if err := s.keyBudgets(ctx, []apikey.Key{*k}, out); err != nil {
		return nil, err
	}
	if err := s.lastUses(ctx, c, []apikey.Key{*k}, out); err != nil {
		return nil, err
	}
	a.Body = out[0]
	return gen.GetKey200JSONResponse{KeyAnswerJSONResponse: a}, nil
}

// UpdateKey replaces what may change of a key.
func (s *Server) UpdateKey(ctx context.Context, r gen.UpdateKeyRequestObject) (gen.UpdateKeyResponseObject, error) {
	c := callOf(ctx)
	limits, err := limitsOf(r.Body.Limits)
	if err != nil {
		return nil, err
	}
	k, err := s.Keys.Update(ctx, c.org, apikey.Update{
		Target: apikey.Target{Gateway: c.ref(), ID: r.Key, IfMatch: core.ParseIfMatch(value(r.Params.IfMatch))},
		Name:   new(value(r.Body.Name)), UsagePlan: new(value(r.Body.UsagePlan)),
		Scopes: new(value(r.Body.Scopes)), Expires: new(value(r.Body.ExpiresAt)), Limits: &limits,
	})
	if err != nil {
		return nil, err
	}
	return gen.UpdateKey200JSONResponse{KeyAnswerJSONResponse: s.keyAnswer(k)}, nil
}

// RotateKey issues a key that takes another's place.
func (s *Server) RotateKey(ctx context.Context, r gen.RotateKeyRequestObject) (gen.RotateKeyResponseObject, error) {
	c := callOf(ctx)
	in := apikey.Rotate{Target: apikey.Target{Gateway: c.ref(), ID: r.Key}}
	if r.Body != nil {
		in.Expires = value(r.Body.ExpiresAt)
		if r.Body.Overlap != nil {
			overlap, err := duration("overlap", r.Body.Overlap, apikey.MaxOverlap)
			if err != nil {
				return nil, err
			}
			in.Overlap = &overlap
		}
	}
	done, err := s.Keys.Rotate(ctx, c.org, in)
	if err != nil {
		return nil, err
	}
	a, err := s.newKeyAnswer(&done.Issued, &done.Old)
	return gen.RotateKey201JSONResponse{NewKeyAnswerJSONResponse: a}, err
}

// RevokeKey ends a key and says which edges know.
func (s *Server) RevokeKey(ctx context.Context, r gen.RevokeKeyRequestObject) (gen.RevokeKeyResponseObject, error) {
	c := callOf(ctx)
	wait, err := duration("wait", r.Params.Wait, publish.MaxWait)
	if err != nil {
		return nil, err
	}
	k, err := s.Keys.Revoke(ctx, c.org, apikey.Target{Gateway: c.ref(), ID: r.Key})
	if err != nil {
		return nil, err
	}
	receipt, err := s.receipt(ctx, c.org, k, wait)
	if err != nil {
		return nil, err
	}
	out, err := toReceipt(k, receipt)
	return gen.RevokeKey200JSONResponse(out), err
}

// receipt asks for the edges' confirmations. The key is revoked whatever comes
// of it, so that a Redis which can't be reached gives an empty receipt, not an
// error.
func (s *Server) receipt(ctx context.Context, org core.OrganizationID, k *apikey.Key, wait time.Duration) (*publish.Receipt, error) {
	r, err := s.Status.Receipt(ctx, org, publish.ReceiptInput{Key: k.ID, Version: k.Version, Wait: wait})
	if core.CodeOf(err) == core.CodeUnavailable {
		return &publish.Receipt{}, nil
	}
	return r, err
}
