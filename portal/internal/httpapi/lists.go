package httpapi

import (
	"context"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/apikey"
	"github.com/tollgate/tollgate/services/core"
)

// listing reads the parameters of a list that is searched and ordered.
func listing[S ~string](limit *gen.LimitParam, cursor *gen.CursorParam, query *gen.SearchParam, sort *S, count *gen.CountParam) core.Listing {
	return core.Listing{
		Page: page(limit, cursor), Query: value(query), Sort: string(value(sort)), Count: value(count),
	}
}

// lastUses adds to keys that are shown when each was last used.
func (s *Server) lastUses(ctx context.Context, c *call, keys []apikey.Key, shown []gen.Key) error {
	kids := make([]uint64, len(keys))
	for i := range keys {
		kids[i] = keys[i].KID
	}
	used, err := s.Usage.LastUses(ctx, c.org, c.ref(), kids)
	if err != nil {
		return err
	}
	for i := range keys {
		shown[i].LastUsedAt = instant(used[keys[i].KID])
	}
	return nil
}
