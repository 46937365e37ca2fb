package redisbus

import (
	"context"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/publish"
)

// Reports reads what the edges say of themselves.
type Reports struct {
	client redis.UniversalClient
	keys   *contract.EdgeKeys
}

var _ publish.Reports = (*Reports)(nil)

// NewReports makes it over an open client.
func NewReports(client redis.UniversalClient, keys *contract.EdgeKeys) *Reports {
	return &Reports{client: client, keys: keys}
}

// Reports returns every report whose MAC holds and that stands under its own
// name; others are left out, as if they were not there.
func (r *Reports) Reports(ctx context.Context) ([]contract.EdgeReport, error) {
	all, err := r.client.HGetAll(ctx, contract.RedisEdges).Result()
	if err != nil {
		return nil, unavailable("read edge reports", err)
	}
	out := make([]contract.EdgeReport, 0, len(all))
	for id, b := range all {
		var rep contract.EdgeReport
		if contract.DecodeMessage(r.keys, contract.MessageReport, []byte(b), &rep) == nil && rep.ID == id {
			out = append(out, rep)
		}
	}
	return out, nil
}

// Forget removes the reports of edges that are long gone.
func (r *Reports) Forget(ctx context.Context, edges []string) error {
	if err := r.client.HDel(ctx, contract.RedisEdges, edges...).Err(); err != nil {
		return unavailable("remove edge reports", err)
	}
	return nil
}

// Reports and Forget of a Writer are those of Reports.
func (w *Writer) Reports(ctx context.Context) ([]contract.EdgeReport, error) {
	return NewReports(w.client, w.keys).Reports(ctx)
}

// Forget removes the reports of edges that are long gone.
func (w *Writer) Forget(ctx context.Context, edges []string) error {
	return NewReports(w.client, w.keys).Forget(ctx, edges)
}
