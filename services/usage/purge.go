package usage

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Bounds of a purge.
const (
	purgeTime    = 3 * time.Second
	maxPurgePath = 8 << 10
	maxPurgeTag  = 256
)

// PurgeReport says what became of a purge.
type PurgeReport struct {
	Edges []PurgedEdge
	// Silent are edges that did not answer in time: they may still hold what was to
	// go.
	Silent []string
	Took   time.Duration
}

// PurgedEdge is one edge's answer.
type PurgedEdge struct {
	Edge    string
	Removed int64
	Error   string // "": it did
}

func checkPurge(p *contract.Purge) error {
	var bad contract.FieldErrors
	given := 0
	for _, set := range []bool{p.All, p.Path != "", p.Prefix != "", p.Tag != ""} {
		if set {
			given++
		}
	}
	if given != 1 {
		bad.Add("", "exactly one of all, path, prefix and tag says what goes")
	}
	for at, v := range map[string]string{"/path": p.Path, "/prefix": p.Prefix} {
		switch {
		case len(v) > maxPurgePath:
			bad.Add(at, "is longer than 8 KiB")
		case v != "" && !strings.HasPrefix(v, "/"):
			bad.Add(at, "begins with /")
		}
	}
	if len(p.Tag) > maxPurgeTag || strings.ContainsAny(p.Tag, " ,\t") {
		bad.Add("/tag", "is one tag of at most 256 bytes")
	}
	return core.Invalid(bad.Err())
}

// Purge removes stored responses of a gateway from every edge, and says which of
// them did it. Doing it again does no harm.
func (s *Service) Purge(ctx context.Context, org core.OrganizationID, ref string, p contract.Purge) (*PurgeReport, error) {
	if err := checkPurge(&p); err != nil {
		return nil, err
	}
	gateway, err := s.gatewayOf(ctx, org, ref)
	if err != nil {
		return nil, err
	}
	if s.cfg.Asker == nil {
		return nil, core.Errorf(core.CodeUnavailable, "no edge can be asked: this process has no Redis")
	}
	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, fmt.Errorf("read random: %w", err)
	}
	began := s.cfg.Clock()
	ctx, cancel := context.WithTimeout(ctx, purgeTime)
	defer cancel()
	answers, silent, err := s.cfg.Asker.AskAll(ctx, contract.Ask{
		ID: hex.EncodeToString(id[:]), Gateway: gateway.ID, Purge: &p, Deadline: began.Add(purgeTime).UnixMilli(),
	})
	if err != nil {
		return nil, err
	}
	out := &PurgeReport{Silent: silent, Took: s.cfg.Clock().Sub(began)}
	for i := range answers {
		a := &answers[i]
		e := PurgedEdge{Edge: a.Edge, Error: a.Error}
		if a.Purged != nil {
			e.Removed = *a.Purged
		} else if e.Error == "" {
			e.Error = "this edge is too old to purge"
		}
		out.Edges = append(out.Edges, e)
	}
	slices.SortFunc(out.Edges, func(a, b PurgedEdge) int { return cmp.Compare(a.Edge, b.Edge) })
	slices.Sort(out.Silent)
	return out, nil
}
