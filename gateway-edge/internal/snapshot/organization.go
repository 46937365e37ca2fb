package snapshot

import (
	"context"
	"errors"
	"fmt"

	"github.com/tollgate/tollgate/gateway-edge/internal/confsync/disklog"
	"github.com/tollgate/tollgate/services/contract"
)

func (s *Store) org(id string) *Org {
	if o, ok := s.orgs.Load(id); ok {
		return o.(*Org)
	}
	o, _ := s.orgs.LoadOrStore(id, &Org{ID: id, fresh: &s.fresh})
	return o.(*Org)
}

// Organization takes an organization's signed document; it is in force when the
// call returns. A lower version of the same era changes nothing but under Force, and
// neither does an equal one, unless the one that is held was never read.
func (s *Store) Organization(raw []byte, a Apply) (uint64, error) {
	doc, version, err := s.openOrganization(raw, a.ID)
	if errors.Is(err, ErrTampered) {
		return 0, err
	}
	o := s.org(a.ID)
	o.mu.Lock()
	defer o.mu.Unlock()
	ok, ferr := s.index.admits(&a, version, o.held.version)
	ok = ok || ferr == nil && version == o.held.version && o.facts.Load() == nil
	if !ok {
		return o.held.version, ferr
	}
	digest := contract.DocumentDigest(raw)
	if err != nil {
		// What is known of the organization stays in force, and says less than
		// the newest document does: there is no telling which part.
		s.index.set(a.ID, version, digest, a.Era)
		s.cfg.Logger.Error("organization's newest version can't be read by this edge", "organization", a.ID, "version", version, "error", err)
		return version, nil
	}
	h := held{version: version, digest: digest, deleted: doc.Deleted}
	s.index.set(a.ID, version, digest, a.Era)
	s.saveOrg(o, &h, raw)
	s.dropHeld(&o.held)
	o.held = h
	s.setFacts(o, doc)
	return version, nil
}

// saveOrg writes a document to disk; where the disk does not take it, it stays in
// memory until Flush. mu is held.
func (s *Store) saveOrg(o *Org, h *held, raw []byte) {
	h.raw = raw
	if s.cfg.Disk == nil {
		return
	}
	loc, err := s.cfg.Disk.Append(record(disklog.Organization, o.ID, h, raw))
	if err != nil {
		s.cfg.Logger.Error("organization can't be saved; it is kept in memory", "organization", o.ID, "error", err)
		s.mu.Lock()
		s.unsavedOrgs[o.ID] = o
		s.mu.Unlock()
		return
	}
	h.loc, h.raw = loc, nil
}

// openOrganization verifies and decodes; an error that is not ErrTampered means
// that the document is genuine and can't be read by this version.
func (s *Store) openOrganization(raw []byte, id string) (*contract.Organization, uint64, error) {
	version, err := contract.VerifyDocument(s.cfg.Keys.Verifier, contract.KindOrganization, raw)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrTampered, err)
	}
	doc := &contract.Organization{}
	if err := contract.DecodeDocument(raw, doc); err != nil {
		return nil, version, err
	}
	if doc.ID != id || doc.Version != version {
		return nil, version, fmt.Errorf("%w: it is version %d of %.40q, not %d of %.40q", ErrTampered, doc.Version, doc.ID, version, id)
	}
	if doc.Schema > contract.SchemaVersion {
		return nil, version, fmt.Errorf("document has schema %d, this edge knows up to %d", doc.Schema, contract.SchemaVersion)
	}
	return doc, version, nil
}

// setFacts puts doc in force. mu is held.
func (s *Store) setFacts(o *Org, doc *contract.Organization) {
	switch {
	case s.cfg.OrgLimits == nil:
	case o.limits == nil:
		o.limits = s.cfg.OrgLimits(doc)
	default:
		o.limits.Update(doc)
	}
	o.facts.Store(&OrgFacts{Doc: doc, Limits: o.limits})
}

// ready returns the organization with its facts loaded, from disk or, where they
// were never seen or lost, from where documents are fetched.
func (s *Store) ready(ctx context.Context, id string) (*Org, error) {
	o := s.org(id)
	if o.facts.Load() != nil {
		return o, nil
	}
	if err := s.loadFacts(o); err == nil {
		return o, nil
	}
	if s.cfg.Fetch == nil {
		return nil, &temporaryError{errors.New("the organization is not known here")}
	}
	era := s.Era()
	raw, err := s.fetch(ctx, contract.KindOrganization, id)
	if err != nil {
		return nil, &temporaryError{fmt.Errorf("fetch organization: %w", err)}
	}
	if _, err := s.Organization(raw, Apply{ID: id, Era: era}); err != nil {
		return nil, &temporaryError{err}
	}
	if o.facts.Load() == nil {
		return nil, &temporaryError{errors.New("the organization's document can't be read, or is older than what was known")}
	}
	return o, nil
}

// loadFacts reads the held document.
func (s *Store) loadFacts(o *Org) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.facts.Load() != nil {
		return nil
	}
	raw := o.held.raw
	if raw == nil {
		if o.held.loc == nil {
			return errors.New("not held")
		}
		r, err := s.cfg.Disk.Read(o.held.loc)
		if err != nil {
			return err
		}
		raw = r.Doc
	}
	doc, _, err := s.openOrganization(raw, o.ID)
	if err != nil {
		return err
	}
	s.setFacts(o, doc)
	return nil
}
