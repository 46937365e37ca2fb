package snapshot

import "github.com/tollgate/tollgate/gateway-edge/internal/confsync/disklog"

// Loader takes what the disk holds, record by record in the order they were
// written, and then puts it in force at once.
type Loader struct{ s *Store }

// Loader returns a Loader into an empty Store.
func (s *Store) Loader() *Loader { return &Loader{s: s} }

// Take takes one record of the log. Records of other kinds are not touched; it
// returns false for them.
func (l *Loader) Take(r *disklog.Record, loc *disklog.Loc) bool {
	s := l.s
	h := held{version: r.Version, digest: r.Digest, hosts: r.Hosts, deleted: r.Deleted, loc: loc}
	switch r.Kind {
	case disklog.Gateway:
		// Dropped records are found again until the log is compacted, so the same
		// rule is followed as when they came.
		e := s.entry(r.ID)
		if f, ok := s.failed[r.ID]; ok && f.Version == e.newest.version && e.good.present() {
			s.dropHeld(&e.newest)
		} else {
			s.dropHeld(&e.good)
			e.good = e.newest
		}
		e.newest = h
	case disklog.Organization:
		o := s.org(r.ID)
		s.dropHeld(&o.held)
		o.held = h
	case disklog.Failure:
		s.dropLoc(s.failed[r.ID].loc)
		f := failure{loc: loc}
		f.Gateway, f.Version, f.Reason = r.ID, r.Version, string(r.Doc)
		s.failed[r.ID] = f
	case disklog.Quarantine:
		s.dropLoc(s.quarantined[r.ID].loc)
		s.quarantined[r.ID] = quarantine{r.Version, loc}
	default:
		return false
	}
	return true
}

// Done puts everything in force and returns the number of gateways that are
// served. Nothing is compiled: that happens on the first request.
func (l *Loader) Done() int {
	s := l.s
	var claims []claim
	served := 0
	s.table.each(func(e *Entry) bool {
		s.index.set(e.id, e.newest.version, e.newest.digest, 0)
		if e.newest.deleted {
			s.dropHeld(&e.good)
			e.good = held{}
			return true
		}
		served++
		e.live.Store(true)
		e.claimed = e.newest.hosts
		claims = append(claims, claim{entry: e, now: e.newest.hosts})
		return true
	})
	s.table.hosts.replace(claims...)
	s.orgs.Range(func(_, v any) bool {
		o := v.(*Org)
		s.index.set(o.ID, o.held.version, o.held.digest, 0)
		return true
	})
	for id, f := range s.failed {
		if e := s.table.Get(id); e == nil || e.newest.version > f.Version || f.Version == 0 {
			s.dropLoc(f.loc)
			delete(s.failed, id)
		} else if e.good.present() {
			f.Serving = e.good.version
			s.failed[id] = f
		}
	}
	for id, q := range s.quarantined {
		if e := s.table.Get(id); e == nil || e.newest.version > q.version {
			s.dropLoc(q.loc)
			delete(s.quarantined, id)
		}
	}
	s.quarantineMarked()
	return served
}

// quarantineMarked bars every version that was being compiled when the process
// died.
func (s *Store) quarantineMarked() {
	if s.cfg.Marker == nil {
		return
	}
	for _, m := range s.cfg.Marker.Found() {
		s.cfg.Logger.Error("the process died while this version was compiled; it is quarantined", "gateway", m.ID, "version", m.Version)
		q := quarantine{version: m.Version}
		if s.cfg.Disk != nil {
			loc, err := s.cfg.Disk.Append(&disklog.Record{Kind: disklog.Quarantine, ID: m.ID, Version: m.Version})
			if err == nil {
				err = s.cfg.Disk.Sync()
			}
			if err != nil {
				s.cfg.Logger.Error("quarantine can't be saved", "gateway", m.ID, "error", err)
				s.mu.Lock()
				s.quarantined[m.ID] = q
				s.mu.Unlock()
				continue // the marker stays set
			}
			q.loc = loc
		}
		s.mu.Lock()
		s.quarantined[m.ID] = q
		s.mu.Unlock()
		s.cfg.Marker.Forget(m)
	}
}

// Flush tries again to save what the disk did not take.
func (s *Store) Flush() {
	s.mu.Lock()
	var again []*Entry
	for id, e := range s.unsaved {
		again = append(again, e)
		delete(s.unsaved, id)
	}
	var orgs []*Org
	for id, o := range s.unsavedOrgs {
		orgs = append(orgs, o)
		delete(s.unsavedOrgs, id)
	}
	s.mu.Unlock()
	for _, o := range orgs {
		o.mu.Lock()
		if h := &o.held; h.raw != nil {
			s.saveOrg(o, h, h.raw)
		}
		o.mu.Unlock()
	}
	for _, e := range again {
		e.lock <- struct{}{}
		if h := &e.newest; h.raw != nil {
			raw := h.raw
			h.raw = nil
			s.save(e, h, disklog.Gateway, raw)
		}
		e.release()
	}
}
