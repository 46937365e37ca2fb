package gateway

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/event"
)

// documentEvery is how many versions may follow one that holds the whole
// document: rebuilding a version reads at most that many.
const documentEvery = 50

// commit is one version about to be made.
type commit struct {
	gateway      *Gateway // at its new version
	action       string
	config       *Config
	changes      []Change
	whole        bool
	restoredFrom uint64

	release         bool
	summary, reason string
	events          []event.Event // beside gateway.updated
}

// commit writes the version, the audit line and the outbox row.
func (s *Service) commit(ctx context.Context, tx Tx, c commit) error {
	g := c.gateway
	actor := core.ActorFrom(ctx)
	h := &HistoryEntry{Version: Version{
		Version: g.Version, AuthorKind: actor.Kind, AuthorID: actor.ID, AuthorName: actor.Name,
		Summary: summary(c.changes), RestoredFrom: c.restoredFrom,
	}}
	if c.restoredFrom > 0 {
		h.Summary = fmt.Sprintf("restore version %d: %s", c.restoredFrom, h.Summary)
	}
	if g.Version == 1 {
		h.Summary = "create gateway " + g.Name
	}
	if c.release {
		h.Summary = c.summary
	}
	var err error
	if h.Delta, err = pack(c.changes); err != nil {
		return err
	}
	whole := c.whole
	if !whole {
		n, err := tx.SinceDocument(g.Organization, g.ID)
		if err != nil {
			return err
		}
		whole = n >= documentEvery
	}
	if whole {
		if h.Document, err = pack(c.config); err != nil {
			return err
		}
	}
	if err := tx.AddVersion(g.Organization, g.ID, h); err != nil {
		return err
	}
	change := core.Change{
		Action: c.action, ResourceType: "gateway", ResourceID: g.ID, ResourceName: g.Name, Gateway: g.ID,
		Detail:  auditDetail{Version: g.Version, Summary: h.Summary, Reason: c.reason},
		Publish: []core.Publish{{Kind: core.PublishGateway, ID: g.ID, Gateway: g.ID, Version: g.Version}},
	}
	if len(c.changes) == 1 && c.changes[0].ID != "" {
		one := &c.changes[0]
		if !c.release {
			change.Action = one.Kind + "." + one.Verb()
		}
		change.ResourceType, change.ResourceID, change.ResourceName = one.Kind, one.ID, one.Name
	}
	change.Events = append([]event.Event{{Type: event.GatewayUpdated, About: aboutVersion(&h.Version, c.changes)}}, c.events...)
	return tx.Record(ctx, g.Organization, change)
}

// aboutVersion is a version as webhooks are told of it.
func aboutVersion(v *Version, changes []Change) event.Gateway {
	out := event.Gateway{Version: v.Version, Summary: v.Summary, Parts: []event.Part{}, More: max(0, len(changes)-event.MaxParts)}
	for i := range changes[:len(changes)-out.More] {
		c := &changes[i]
		out.Parts = append(out.Parts, event.Part{Kind: c.Kind, ID: c.ID, Name: c.Name, Verb: c.Verb()})
	}
	return out
}

// auditDetail stands beside the audit line of a version; the version itself has
// the differences.
type auditDetail struct {
	Version uint64 `json:"version"`
	Summary string `json:"summary"`
	Reason  string `json:"reason,omitempty"` // of what nobody asked for
}

// Versions returns a page of a gateway's history, newest first.
func (s *Service) Versions(ctx context.Context, org core.OrganizationID, ref string, page core.Page) (core.List[Version], error) {
	limit, after, err := page.After()
	if err != nil {
		return core.List[Version]{}, err
	}
	var before uint64
	if after != "" {
		if before, err = strconv.ParseUint(after, 10, 64); err != nil {
			return core.List[Version]{}, core.Invalid(contract.FieldErrors{{Pointer: "/cursor", Detail: "is not a cursor of this list"}})
		}
	}
	g, err := s.store.Gateway(ctx, org, ref)
	if err != nil {
		return core.List[Version]{}, err
	}
	entries, err := s.store.History(ctx, org, g.ID, limit+1, before)
	if err != nil {
		return core.List[Version]{}, err
	}
	items := make([]Version, len(entries))
	for i := range entries {
		items[i] = entries[i].Version
	}
	return core.NextPage(items, limit, func(v Version) string { return strconv.FormatUint(v.Version, 10) }), nil
}

// Version returns one version with its changes and the whole configuration that
// it was.
func (s *Service) Version(ctx context.Context, org core.OrganizationID, ref string, n uint64) (*Version, *Config, error) {
	g, err := s.store.Gateway(ctx, org, ref)
	if err != nil {
		return nil, nil, err
	}
	return s.rebuild(ctx, g, n)
}

func (s *Service) rebuild(ctx context.Context, g *Gateway, n uint64) (*Version, *Config, error) {
	line, err := s.store.Lineup(ctx, g.Organization, g.ID, n)
	if err != nil {
		return nil, nil, err
	}
	if len(line) == 0 || line[len(line)-1].Version.Version != n {
		return nil, nil, core.NotFound("version", strconv.FormatUint(n, 10))
	}
	c := &Config{}
	if err := unpack(line[0].Document, c); err != nil {
		return nil, nil, err
	}
	last := &line[len(line)-1]
	for i := range line {
		var changes []Change
		if err := unpack(line[i].Delta, &changes); err != nil {
			return nil, nil, err
		}
		if i == len(line)-1 {
			last.Changes = changes
		}
		if i == 0 {
			continue
		}
		for j := range changes {
			if err := c.redo(&changes[j]); err != nil {
				return nil, nil, err
			}
		}
	}
	return &last.Version, c, nil
}

// redo applies one change of a later version.
func (c *Config) redo(ch *Change) error {
	switch ch.Kind {
	case ChangeSettings:
		c.Settings = Settings{}
		return unmarshal(ch, &c.Settings)
	case ChangeOpenAPI:
		c.OpenAPI = ch.After
		return nil
	case ChangePolicies:
		c.Policies = nil
		return unmarshal(ch, &c.Policies)
	}
	if err := upstreams.redo(c, ch); err != nil {
		return err
	}
	if err := routes.redo(c, ch); err != nil {
		return err
	}
	if err := usagePlans.redo(c, ch); err != nil {
		return err
	}
	return streams.redo(c, ch)
}

func unmarshal(ch *Change, v any) error {
	if err := json.Unmarshal(ch.After, v); err != nil {
		return fmt.Errorf("decode %s of a version: %w", ch.Kind, err)
	}
	return nil
}

// Restore makes the configuration of version n the newest one. Consumers, keys
// and secrets stay as they are: what the version refers to and is gone is named
// in the error. Items that still exist keep their identity, and with it their
// counters.
func (s *Service) Restore(ctx context.Context, org core.OrganizationID, ref string, n uint64, ifMatch core.IfMatch) (*Applied, error) {
	g, err := s.store.Gateway(ctx, org, ref)
	if err != nil {
		return nil, err
	}
	_, c, err := s.rebuild(ctx, g, n)
	if err != nil {
		return nil, err
	}
	done, err := s.change(ctx, org, edit{
		gateway: g.ID, ifMatch: ifMatch, action: "gateway.restore", restoredFrom: n, whole: true,
		apply: func(d *draft) error {
			d.config = c.clone()
			keepKnown(&upstreams, d)
			keepKnown(&routes, d)
			keepKnown(&usagePlans, d)
			keepKnown(&streams, d)
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	return applied(done), nil
}

// keepKnown drops ids that the gateway no longer has: those items come back
// under their names as new ones.
func keepKnown[T any](p *part[T], d *draft) {
	items := *p.list(&d.config)
	for i := range items {
		if id := p.id(&items[i]); d.source.entry(p.kind, *id) == nil {
			*id = ""
		}
	}
}

// pack is JSON behind DEFLATE.
func pack(v any) ([]byte, error) {
	js, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode version: %w", err)
	}
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		return nil, fmt.Errorf("compress version: %w", err)
	}
	if _, err := w.Write(js); err != nil {
		return nil, fmt.Errorf("compress version: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compress version: %w", err)
	}
	return b.Bytes(), nil
}

func unpack(b []byte, v any) error {
	// A delta holds a configuration twice at most.
	js, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(b)), 3*contract.MaxDocument))
	if err != nil {
		return fmt.Errorf("decompress version: %w", err)
	}
	if err := json.Unmarshal(js, v); err != nil {
		return fmt.Errorf("decode version: %w", err)
	}
	return nil
}
