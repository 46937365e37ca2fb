package apikey

import (
	"context"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// List asks for a page of a gateway's keys.
type List struct {
	Gateway string
	core.Listing
	Consumer  string // name; empty: all
	UsagePlan string // name of the key's own; empty: any or none
	Status    string // StatusActive …; empty: any
}

// Filter is a checked List as a store reads it.
type Filter struct {
	core.Window
	Consumer, UsagePlan, Status string
	// FromKID to ToKID are the keys whose kid begins with what is looked for;
	// both 0: it can be no kid.
	FromKID, ToKID uint64
}

// List returns a page of a gateway's keys, oldest first where nothing else is
// asked. What is looked for is the beginning of a key as its holder sees it (its
// secret part is ignored), or stands in its name or its consumer's.
func (s *Service) List(ctx context.Context, org core.OrganizationID, in List) (core.List[Key], error) {
	none := core.List[Key]{}
	kid := kidText(in.Query)
	w, err := in.Window(core.SortCreated, core.SortUpdated, core.SortName)
	if err != nil {
		return none, err
	}
	f := Filter{Window: w, Consumer: in.Consumer, UsagePlan: in.UsagePlan, Status: in.Status}
	f.FromKID, f.ToKID = kidRange(kid)
	switch in.Status {
	case "", StatusActive, StatusPending, StatusExpired, StatusRevoked, StatusDeleted:
	default:
		return none, core.Invalid(contract.FieldErrors{{Pointer: "/state", Detail: "must be active, pending, expired, revoked or deleted"}})
	}
	g, err := s.store.Gateway(ctx, org, in.Gateway)
	if err != nil {
		return none, err
	}
	found, err := s.store.Keys(ctx, org, g.ID, f)
	if err != nil {
		return none, err
	}
	return core.Cut(&w, found, func(k *Key) (string, time.Time, time.Time, string) {
		return k.Name, k.CreatedAt, k.UpdatedAt, strconv.FormatUint(k.KID, 10)
	}), nil
}

// kidText takes the kid out of what people paste: a key's id, its prefix or the
// whole key.
func kidText(q string) string {
	for _, prefix := range []string{core.PrefixKey + "_", contract.KeyPrefixLive, contract.KeyPrefixTest} {
		if rest, ok := strings.CutPrefix(q, prefix); ok {
			q = rest
			break
		}
	}
	q, _, _ = strings.Cut(q, "_")
	return q
}

// kidDigits is the length of a kid as it is written.
const kidDigits = 10

// kidRange are the kids that are written with a prefix: from up to and with to.
func kidRange(prefix string) (from, to uint64) {
	if prefix == "" || len(prefix) > kidDigits {
		return 0, 0
	}
	low, ok := contract.ParseKID(prefix + strings.Repeat("0", kidDigits-len(prefix)))
	if !ok {
		return 0, 0
	}
	width := uint64(math.Pow(62, float64(kidDigits-len(prefix))))
	return low, low + width - 1
}
