package snapshot

import (
	"context"
	"errors"
	"fmt"

	"github.com/tollgate/tollgate/gateway-edge/internal/confsync/disklog"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/contract/failpoint"
)

// Apply says how a document is taken.
type Apply struct {
	// ID is what was asked for; another's document is refused.
	ID string
	// Compile makes the new version serve at once. Without it a gateway that is
	// not in memory is compiled on its next request.
	Compile bool
	// Force takes a document although its version is not higher, because the signed
	// index says that this one is right. It takes the place of Over only, an entry of
	// Held: what came meanwhile is newer.
	Force bool
	Over  string
	// Era is what Era returned before the document was read.
	Era uint64
}

// Gateway takes a gateway's signed document. A lower or equal version of the same
// era changes nothing. The returned version is the one held afterwards. The error is
// ErrTampered, or ctx's, or says that the document is of a former era; a document that can't be compiled is no error: the last
// good version stays in force and Failed tells.
func (s *Store) Gateway(ctx context.Context, raw []byte, a Apply) (uint64, error) {
	version, err := contract.VerifyDocument(s.cfg.Keys.Verifier, contract.KindGateway, raw)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrTampered, err)
	}
	doc, bad := s.decode(raw, a.ID)
	if errors.Is(bad, ErrTampered) {
		return 0, bad
	}
	e := s.entry(a.ID)
	if err := e.acquire(ctx); err != nil {
		return 0, err
	}
	defer e.release()
	if ok, err := s.index.admits(&a, version, e.newest.version); err != nil || !ok {
		return e.newest.version, err
	}
	digest := contract.DocumentDigest(raw)
	if bad != nil {
		// Signed, but not for this version of the program: what is in force stays.
		s.index.set(e.id, version, digest, a.Era)
		s.failedAt(e, version, e.inForce(), bad)
		return version, nil
	}
	h := held{version: version, digest: digest, hosts: claims(doc), deleted: doc.Deleted}
	failpoint.Hit(failpoint.ConfigApplyStart)
	s.index.set(e.id, version, digest, a.Era)
	s.save(e, &h, disklog.Gateway, raw)
	if doc.Deleted {
		s.remove(e, h)
		return version, nil
	}
	s.advance(e, h)
	if a.Compile || e.current.Load() != nil {
		s.serve(ctx, e, doc, len(raw))
	} else {
		e.claim(claims(doc))
	}
	return version, nil
}

// decode reads a verified document and checks that it is the one asked for.
func (s *Store) decode(raw []byte, id string) (*contract.Gateway, error) {
	doc := &contract.Gateway{}
	if err := contract.DecodeDocument(raw, doc); err != nil {
		return nil, err
	}
	_, version, err := contract.DocumentVersion(raw)
	if err != nil {
		return nil, err
	}
	if doc.ID != id || doc.Version != version {
		return nil, fmt.Errorf("%w: it is version %d of %.40q, not %d of %.40q", ErrTampered, doc.Version, doc.ID, version, id)
	}
	if doc.Schema > contract.SchemaVersion {
		return nil, fmt.Errorf("document has schema %d, this edge knows up to %d", doc.Schema, contract.SchemaVersion)
	}
	return doc, nil
}

// inForce is the version that serves, or would when asked. The lock is held.
func (e *Entry) inForce() uint64 {
	if c := e.current.Load(); c != nil {
		return c.Doc.Version
	}
	if e.serving != 0 {
		return e.serving
	}
	return e.newest.version
}

// save writes a document to disk; where the disk does not take it, it stays in
// memory until Flush.
func (s *Store) save(e *Entry, h *held, kind disklog.Kind, raw []byte) {
	if s.cfg.Disk == nil {
		h.raw = raw
		return
	}
	loc, err := s.cfg.Disk.Append(record(kind, e.id, h, raw))
	if err != nil {
		s.cfg.Logger.Error("document can't be saved; it is kept in memory", "gateway", e.id, "version", h.version, "error", err)
		h.raw = raw
		s.mu.Lock()
		s.unsaved[e.id] = e
		s.mu.Unlock()
		return
	}
	h.loc = loc
}

func record(kind disklog.Kind, id string, h *held, raw []byte) *disklog.Record {
	return &disklog.Record{Kind: kind, ID: id, Version: h.version, Digest: h.digest, Deleted: h.deleted, Hosts: h.hosts, Doc: raw}
}

// advance makes h the newest document and keeps the one before it, unless that
// was known not to compile: two versions are kept, the older one to fall back on.
// The lock is held.
func (s *Store) advance(e *Entry, h held) {
	s.mu.Lock()
	f, bad := s.failed[e.id]
	bad = bad && f.Version == e.newest.version
	if q, ok := s.quarantined[e.id]; ok && q.version != h.version {
		s.dropLoc(q.loc)
		delete(s.quarantined, e.id)
	}
	s.mu.Unlock()
	if bad && e.good.present() {
		s.dropHeld(&e.newest)
	} else {
		s.dropHeld(&e.good)
		e.good = e.newest
	}
	e.newest, e.retryAt = h, 0
	e.live.Store(true)
}

// serve compiles the newest document and puts it in force, or keeps what is. The
// lock is held.
func (s *Store) serve(ctx context.Context, e *Entry, doc *contract.Gateway, size int) {
	c, err := s.compile(ctx, e, doc, size)
	if err == nil {
		s.cleared(e)
		e.install(c)
		failpoint.Hit(failpoint.ConfigApplyEnd)
		return
	}
	serving := uint64(0)
	switch c := e.current.Load(); {
	case c != nil:
		serving = c.Doc.Version
	case e.good.present():
		serving = e.good.version
	default:
		e.claim(claims(doc)) // 503 rather than 404
	}
	s.failedAt(e, doc.Version, serving, err)
	s.later(e, err)
}

// remove ends a gateway: its hosts answer 404 from now on. The tombstone stays,
// so that an older document can't bring it back. The lock is held.
func (s *Store) remove(e *Entry, h held) {
	s.dropHeld(&e.newest)
	s.dropHeld(&e.good)
	e.newest, e.good, e.serving = h, held{}, 0
	e.live.Store(false)
	e.claim(nil)
	e.drop()
	s.cleared(e)
	e.keepState(nil)
	e.keepState(nil)
	if s.cfg.Gone != nil {
		s.cfg.Gone(e.id)
	}
}

func (s *Store) dropHeld(h *held) { s.dropLoc(h.loc); h.loc, h.raw = nil, nil }

func (s *Store) dropLoc(loc *disklog.Loc) {
	if s.cfg.Disk != nil && loc != nil {
		s.cfg.Disk.Drop(loc)
	}
}

// fetch gets a document that the disk has lost. Others wait for it: it does not end
// with one client's patience, but with its own.
func (s *Store) fetch(ctx context.Context, kind byte, id string) ([]byte, error) {
	return s.cfg.Fetch(context.WithoutCancel(ctx), kind, id)
}

// temporaryError is a failure that says nothing about the document.
type temporaryError struct{ err error }

func (e *temporaryError) Error() string { return e.err.Error() }
func (e *temporaryError) Unwrap() error { return e.err }

// read returns a held document, fetched anew where the disk has lost it.
func (s *Store) read(ctx context.Context, id string, h *held) ([]byte, error) {
	if h.raw != nil {
		return h.raw, nil
	}
	var err error
	if h.loc != nil {
		var r *disklog.Record
		if r, err = s.cfg.Disk.Read(h.loc); err == nil {
			if _, err := contract.VerifyDocument(s.cfg.Keys.Verifier, contract.KindGateway, r.Doc); err != nil {
				return nil, fmt.Errorf("document on disk: %w", err)
			}
			return r.Doc, nil
		}
		s.cfg.Logger.Error("document can't be read from disk", "gateway", id, "version", h.version, "error", err)
	}
	if s.cfg.Fetch == nil {
		return nil, &temporaryError{errors.Join(errors.New("document is not on disk"), err)}
	}
	raw, ferr := s.fetch(ctx, contract.KindGateway, id)
	if ferr != nil {
		return nil, &temporaryError{fmt.Errorf("fetch document: %w", errors.Join(ferr, err))}
	}
	v, verr := contract.VerifyDocument(s.cfg.Keys.Verifier, contract.KindGateway, raw)
	if verr != nil || v != h.version {
		return nil, &temporaryError{fmt.Errorf("fetched document is version %d, not %d: %w", v, h.version, errors.Join(verr, ErrUnavailable))}
	}
	h.raw = raw
	return raw, nil
}
