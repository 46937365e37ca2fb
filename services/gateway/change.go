package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/event"
)

// draft is a configuration while it is edited.
type draft struct {
	source  *Source
	name    string // of the gateway
	config  Config
	secrets secretEdit
	// taken lists the ports that the gateway can't have.
	taken func() ([]StreamPort, error)

	certificates certificateEdit
	domains      domainEdit
}

// secretEdit is the secrets that are set, and at most one that is removed.
type secretEdit struct {
	puts   []*SecretValue
	remove *Secret
}

// edit is one change of configuration.
type edit struct {
	gateway      string
	ifMatch      core.IfMatch // on the gateway's version
	action       string       // of the audit line; the resource is the gateway unless one item changed
	restoredFrom uint64
	whole        bool // store the whole document with the version
	// release is a worker's move of a release, with its own action, summary and reason
	// in history and audit. Every other edit leaves releases where they are.
	release         bool
	summary, reason string
	events          []event.Event // that webhooks are told of, beside the new version
	apply           func(*draft) error
	// allow says whether changes may be made that are right by themselves; nil: any.
	allow func(*Source, []Change) error
	// then runs in the transaction after the changes are written; nil: nothing.
	then func(context.Context, Tx, *Source, *done) error
	// rebase turns pointers into the document into pointers into what was sent.
	rebase func(contract.FieldErrors, *draft) contract.FieldErrors
}

// done is the outcome of an edit.
type done struct {
	gateway Gateway
	changes []Change
	config  Config
	entries map[string]*Entry // those that were written, by id
}

// change runs an edit: lock, read, apply, check, compare, write. All of it is
// one transaction; nothing is written when anything is wrong.
func (s *Service) change(ctx context.Context, org core.OrganizationID, e edit) (*done, error) {
	var out *done
	err := s.store.TxInLine(ctx, org, e.gateway, func(tx Tx) error {
		g, err := tx.LockGateway(org, e.gateway)
		if err != nil {
			return err
		}
		out, err = s.edit(ctx, tx, g, e)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// edit runs an edit on a gateway that the transaction holds locked.
func (s *Service) edit(ctx context.Context, tx Tx, g *Gateway, e edit) (*done, error) {
	if err := e.ifMatch.Check(g.Version); err != nil {
		return nil, err
	}
	src, err := tx.Source(g.Organization, g.ID)
	if err != nil {
		return nil, err
	}
	before, err := src.Config()
	if err != nil {
		return nil, err
	}
	d := &draft{source: src, name: g.Name, config: before.clone()}
	d.taken = func() ([]StreamPort, error) { return tx.TakenPorts(g.Organization, g.ID) }
	if err := e.apply(d); err != nil {
		return nil, err
	}
	changes, err := s.review(e, g, before, d)
	if err != nil {
		return nil, err
	}
	if e.allow != nil {
		if err := e.allow(src, changes); err != nil {
			return nil, err
		}
	}
	out := &done{gateway: *g, changes: changes, config: d.config, entries: map[string]*Entry{}}
	if len(changes) > 0 {
		if err := s.write(ctx, tx, e, d, out); err != nil {
			return nil, err
		}
	}
	if e.then != nil {
		return out, e.then(ctx, tx, src, out)
	}
	return out, nil
}

// review identifies the items of a draft, checks it whole and compares it with
// what was.
func (s *Service) review(e edit, g *Gateway, before *Config, d *draft) ([]Change, error) {
	errs := upstreams.identify(before, &d.config)
	errs = append(errs, routes.identify(before, &d.config)...)
	errs = append(errs, usagePlans.identify(before, &d.config)...)
	errs = append(errs, streams.identify(before, &d.config)...)
	if !e.release {
		if err := keepReleases(before, &d.config); err != nil {
			return nil, err
		}
	}
	portErrs, err := s.choosePorts(before, d)
	if err != nil {
		return nil, err
	}
	errs = append(errs, portErrs...)
	errs = append(errs, d.config.check()...)
	errs = append(errs, d.config.checkOpenAPI(before)...)
	if len(errs) == 0 {
		doc := s.document(g, d)
		if n := size(doc); n > contract.MaxDocument {
			return nil, core.Errorf(core.CodeTooLarge, "the gateway's configuration would be %d bytes, at most %d are allowed: split it over several gateways", n, contract.MaxDocument)
		}
		errs = s.checker.Check(doc)
	}
	if len(errs) > 0 {
		if e.rebase != nil {
			errs = e.rebase(errs, d)
		}
		return nil, core.Invalid(errs)
	}
	return diff(g.Name, before, d)
}

func (c *Config) check() contract.FieldErrors {
	errs := c.Settings.check()
	if len(c.Policies) > MaxPolicies {
		errs.Add("/policies", fmt.Sprintf("has %d policies, at most %d are allowed", len(c.Policies), MaxPolicies))
	}
	for i := range c.Routes {
		if n := len(c.Routes[i].Policies); n > MaxPolicies {
			errs.Add(contract.Pointer("routes", i, "policies"), fmt.Sprintf("has %d policies, at most %d are allowed", n, MaxPolicies))
		}
	}
	return errs
}

// size is the document's size as it is signed, before compression.
func size(doc *contract.Gateway) int {
	b, err := json.Marshal(doc)
	if err != nil {
		return contract.MaxDocument + 1
	}
	return len(b)
}

// write stores a draft's differences as the gateway's next version.
func (s *Service) write(ctx context.Context, tx Tx, e edit, d *draft, out *done) error {
	g := &out.gateway
	if err := removeEntries(tx, g, out.changes); err != nil {
		return err
	}
	if err := parkNames(tx, g, d.source, out.changes); err != nil {
		return err
	}
	if err := putEntries(tx, g, d.source, out); err != nil {
		return err
	}
	if err := s.keepPorts(tx, g, out.changes, &d.config); err != nil {
		return err
	}
	if err := d.secrets.write(tx, g); err != nil {
		return err
	}
	if err := d.certificates.write(tx, g); err != nil {
		return err
	}
	if err := d.domains.write(tx, g); err != nil {
		return err
	}
	if slices.ContainsFunc(out.changes, func(c Change) bool { return c.Kind == ChangeOpenAPI }) {
		if err := tx.SaveOpenAPI(g.Organization, g.ID, d.config.OpenAPI); err != nil {
			return err
		}
	}
	policies, err := json.Marshal(nonNil(d.config.Policies))
	if err != nil {
		return fmt.Errorf("encode policies: %w", err)
	}
	g.Version++
	g.Name, g.Settings = d.name, d.config.Settings
	if err := tx.SaveGateway(g.Organization, g, policies); err != nil {
		return err
	}
	return s.commit(ctx, tx, commit{
		gateway: g, action: e.action, config: &out.config, changes: out.changes,
		whole: e.whole, restoredFrom: e.restoredFrom, release: e.release, summary: e.summary, reason: e.reason, events: e.events,
	})
}

// kindOf maps a change to the store's kind; ok is false for what is no entry.
func kindOf(change string) (k Kind, ok bool) {
	switch change {
	case ChangeUpstream:
		return KindUpstream, true
	case ChangeRoute:
		return KindRoute, true
	case ChangeUsagePlan:
		return KindUsagePlan, true
	case ChangeStream:
		return KindStream, true
	}
	return 0, false
}

func removeEntries(tx Tx, g *Gateway, changes []Change) error {
	var plans []string
	for i := range changes {
		if c := &changes[i]; c.Kind == ChangeUsagePlan && len(c.After) == 0 {
			plans = append(plans, c.ID)
		}
	}
	if len(plans) > 0 {
		n, err := tx.PlanUsers(g.Organization, g.ID, plans)
		if err != nil {
			return err
		}
		if n > 0 {
			return core.Errorf(core.CodeInUse, "%d consumers or keys have a usage plan that would be removed: give them another one first", n)
		}
	}
	gone := choose(changes, func(_ Kind, c *Change) bool { return len(c.After) == 0 })
	for k, ids := range gone {
		if err := tx.DeleteEntries(g.Organization, g.ID, Kind(k), ids); err != nil {
			return err
		}
	}
	return nil
}

// choose returns the ids of changed entries, by kind.
func choose(changes []Change, want func(Kind, *Change) bool) (out [kinds][]string) {
	for i := range changes {
		if k, ok := kindOf(changes[i].Kind); ok && want(k, &changes[i]) {
			out[k] = append(out[k], changes[i].ID)
		}
	}
	return out
}

// parkNames moves items that are renamed out of the way, so that two of them
// can swap names under a unique index.
func parkNames(tx Tx, g *Gateway, src *Source, changes []Change) error {
	renamed := choose(changes, func(k Kind, c *Change) bool {
		if len(c.Before) == 0 || len(c.After) == 0 {
			return false
		}
		old := src.entry(k, c.ID)
		return old != nil && old.Name != c.Name
	})
	for k, ids := range renamed {
		if err := tx.ParkEntries(g.Organization, g.ID, Kind(k), ids); err != nil {
			return err
		}
	}
	return nil
}

func putEntries(tx Tx, g *Gateway, src *Source, out *done) error {
	var puts [kinds][]*Entry
	for i := range out.changes {
		c := &out.changes[i]
		k, ok := kindOf(c.Kind)
		if !ok || len(c.After) == 0 {
			continue
		}
		e := &Entry{ID: c.ID, Name: c.Name, Document: c.After}
		if old := src.entry(k, c.ID); old != nil {
			e.Num, e.Revision, e.ManagedBy, e.CreatedAt = old.Num, old.Revision, old.ManagedBy, old.CreatedAt
		}
		puts[k] = append(puts[k], e)
		out.entries[e.ID] = e
	}
	for k, entries := range puts {
		if err := tx.PutEntries(g.Organization, g.ID, Kind(k), entries); err != nil {
			return err
		}
	}
	return nil
}

// entry finds one by id, nil for none. A change of everything asks for all of
// them.
func (src *Source) entry(k Kind, id string) *Entry {
	entries := src.Entries[k]
	if src.byID[k] == nil {
		src.byID[k] = make(map[string]int, len(entries))
		for i := range entries {
			src.byID[k][entries[i].ID] = i
		}
	}
	i, ok := src.byID[k][id]
	if !ok {
		return nil
	}
	return &entries[i]
}

func nonNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
