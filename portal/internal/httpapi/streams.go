package httpapi

import (
	"context"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/gateway"
)

// ListStreams lists the gateway's streams.
func (s *Server) ListStreams(ctx context.Context, r gen.ListStreamsRequestObject) (gen.ListStreamsResponseObject, error) {
	c := callOf(ctx)
	p := &r.Params
	l, err := s.Gateways.Streams.List(ctx, c.org, gateway.ListInput{
		Gateway: c.ref(), Listing: listing(p.Limit, p.Cursor, p.Q, p.Sort, p.Count),
	})
	if err != nil {
		return nil, err
	}
	items, err := eachErr(l.Items, toStream)
	return gen.ListStreams200JSONResponse{Items: items, NextCursor: optional(l.Next), Total: l.Total}, err
}

// CreateStream makes a stream.
func (s *Server) CreateStream(ctx context.Context, _ gen.CreateStreamRequestObject) (gen.CreateStreamResponseObject, error) {
	v, err := put(ctx, s.Gateways.Streams, "", nil)
	if err != nil {
		return nil, err
	}
	a, err := streamAnswer(&v.Item, v.Version)
	return gen.CreateStream201JSONResponse{StreamAnswerJSONResponse: a}, err
}

// GetStream shows a stream.
func (s *Server) GetStream(ctx context.Context, r gen.GetStreamRequestObject) (gen.GetStreamResponseObject, error) {
	c := callOf(ctx)
	it, err := s.Gateways.Streams.Get(ctx, c.org, c.ref(), r.Name)
	if err != nil {
		return nil, err
	}
	a, err := streamAnswer(it, 0)
	return gen.GetStream200JSONResponse{StreamAnswerJSONResponse: a}, err
}

// PutStream makes or replaces a stream.
func (s *Server) PutStream(ctx context.Context, r gen.PutStreamRequestObject) (gen.PutStreamResponseObject, error) {
	v, err := put(ctx, s.Gateways.Streams, r.Name, r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	a, err := streamAnswer(&v.Item, v.Version)
	if v.Created {
		return gen.PutStream201JSONResponse{Body: a.Body, Headers: gen.PutStream201ResponseHeaders(a.Headers)}, err
	}
	return gen.PutStream200JSONResponse{StreamAnswerJSONResponse: a}, err
}

// DeleteStream deletes a stream.
func (s *Server) DeleteStream(ctx context.Context, r gen.DeleteStreamRequestObject) (gen.DeleteStreamResponseObject, error) {
	h, err := remove(ctx, s.Gateways.Streams, r.Name, r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	return gen.DeleteStream204Response{Headers: h}, nil
}

func toStream(it *gateway.Item[contract.Stream]) (gen.Stream, error) {
	out, err := recode[gen.Stream](it.Value)
	out.ManagedBy, out.CreatedAt, out.UpdatedAt = optional(it.ManagedBy), it.CreatedAt, it.UpdatedAt
	return out, err
}

func streamAnswer(it *gateway.Item[contract.Stream], version uint64) (gen.StreamAnswerJSONResponse, error) {
	body, err := toStream(it)
	return gen.StreamAnswerJSONResponse{
		Body: body, Headers: gen.StreamAnswerResponseHeaders{ETag: etag(it.Revision), TollgateVersion: versionHeader(version)},
	}, err
}
