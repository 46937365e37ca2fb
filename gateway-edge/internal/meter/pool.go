package meter

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
)

// Bounds of what replaces the disk while it is full.
const (
	maxMemoryFiles = 16
	reserved       = 64 // records of each that are kept for coarse identities
)

// place is where one record is.
type place struct {
	file *file
	n    uint32
}

// kind is what the two kinds of records differ in.
type kind[K comparable] struct {
	ext    string // of the files
	size   int    // of a record
	idEnd  int
	hourOf func(K) uint32
	put    func([]byte, K)
	get    func([]byte) K
	// coarse is an identity that many counters share when no record is left.
	coarse func(K) K
}

// pool hands out the records of one kind. It never fails: when the disk gives no
// new file it uses what is left in older files, then memory, then coarser
// identities, and at the very end a record that nobody reads.
type pool[K comparable] struct {
	kind[K]
	dir    string // of the epoch
	header header
	key    *[32]byte
	log    *slog.Logger

	mu        sync.Mutex // guards everything below
	now, last hourIndex[K]
	files     []*file
	spare     *file
	next      uint32 // number of the next file
	memory    int
	dropped   uint64
	trouble   string // why the disk gave no file; empty: it does
}

// hourIndex finds the records of one hour.
type hourIndex[K comparable] struct {
	hour  uint32
	place map[K]place
}

// open returns the record of k, a new one if there is none yet.
func (p *pool[K]) open(k K) place {
	p.mu.Lock()
	defer p.mu.Unlock()
	x := p.indexOf(p.hourOf(k))
	pl, ok := x.place[k]
	if !ok {
		pl = p.take(k, x)
		x.place[k] = pl
	}
	return pl
}

// indexOf returns the index of an hour. Two are kept, for callers that looked at
// the clock just before the hour turned; another one is read back from the files
// (after a clock was set back), since an identity must never have two records.
func (p *pool[K]) indexOf(hour uint32) *hourIndex[K] {
	switch hour {
	case p.now.hour:
		return &p.now
	case p.last.hour:
		return &p.last
	}
	p.last = p.now
	p.now = hourIndex[K]{hour, make(map[K]place, len(p.last.place))}
	for _, f := range p.files {
		if hour < f.first || hour > f.last {
			continue
		}
		for n := range f.used.Load() {
			if k := p.get(f.record(n)); p.hourOf(k) == hour {
				p.now.place[k] = place{f, n}
			}
		}
	}
	return &p.now
}

// take finds a record for a new identity.
func (p *pool[K]) take(k K, x *hourIndex[K]) place {
	hour := p.hourOf(k)
	for i := len(p.files) - 1; i >= 0; i-- {
		if f := p.files[i]; f.hour == hour && !f.shut && !f.full(f.reserve()) {
			return p.add(f, k)
		}
	}
	if f := p.grow(hour); f != nil {
		return p.add(f, k)
	}
	for _, f := range p.files {
		if !f.shut && !f.full(f.reserve()) {
			return p.add(f, k)
		}
	}
	if f := p.growMemory(hour); f != nil {
		return p.add(f, k)
	}
	return p.coarsely(k, x)
}

// add writes the identity of the file's next record.
func (p *pool[K]) add(f *file, k K) place {
	n := f.used.Load()
	p.put(f.record(n), k)
	if h := p.hourOf(k); n == 0 {
		f.first, f.last = h, h
	} else {
		f.first, f.last = min(f.first, h), max(f.last, h)
	}
	f.used.Store(n + 1)
	return place{f, n}
}

// grow begins a new file for an hour, from the spare if there is one.
func (p *pool[K]) grow(hour uint32) *file {
	name := filepath.Join(p.dir, fmt.Sprintf("%d-%d%s", hour, p.next, p.ext))
	f := p.spare
	p.spare = nil
	if f != nil {
		if err := os.Rename(f.path, name); err != nil {
			// It still works under its old name, which the next start reads too.
			p.complain("rename the spare counter file", err)
		} else {
			f.path = name
		}
	} else {
		var err error
		if f, err = createFile(name, p.size); err != nil {
			p.complain("no new counter file", err)
			return nil
		}
	}
	return p.begin(f, hour)
}

func (p *pool[K]) growMemory(hour uint32) *file {
	if p.memory >= maxMemoryFiles {
		return nil
	}
	f, err := memoryFile(p.size)
	if err != nil {
		p.complain("no memory for counters", err)
		return nil
	}
	p.memory++
	return p.begin(f, hour)
}

func (p *pool[K]) begin(f *file, hour uint32) *file {
	h := p.header
	h.hour, h.number = hour, p.next
	p.next++
	f.begin(h, p.key)
	p.files = append(p.files, f)
	return f
}

// coarsely counts under an identity that many share, in the records kept for it.
func (p *pool[K]) coarsely(k K, x *hourIndex[K]) place {
	c := p.coarse(k)
	if pl, ok := x.place[c]; ok {
		return pl
	}
	for _, f := range p.files {
		if !f.shut && !f.full(0) {
			pl := p.add(f, c)
			x.place[c] = pl
			return pl
		}
	}
	p.dropped++
	return place{newFile("", make([]byte, headSize+p.size), p.size), 0}
}

// complain says once that the disk gives no file.
func (p *pool[K]) complain(what string, err error) {
	if p.trouble == "" {
		p.log.Error("meter: "+what, "error", err, "kind", p.ext)
	}
	p.trouble = what + ": " + err.Error()
}

// prepare makes the spare file, so that the turn of the hour needs no disk.
func (p *pool[K]) prepare() {
	p.mu.Lock()
	have, n := p.spare != nil, p.next
	p.mu.Unlock()
	if have {
		return
	}
	f, err := createFile(filepath.Join(p.dir, fmt.Sprintf("spare-%d%s", n, p.ext)), p.size)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.complain("no spare counter file", err)
		return
	}
	if p.trouble != "" {
		p.log.Info("meter: the disk gives files again", "kind", p.ext)
		p.trouble = ""
	}
	p.spare = f
}

// stats adds the pool's part.
func (p *pool[K]) stats(s *Stats) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.Slots += len(p.now.place)
	s.Files += len(p.files)
	s.Dropped += p.dropped
	if s.Degraded == "" {
		s.Degraded = p.trouble
	}
}

// list returns the files in use.
func (p *pool[K]) list() []*file {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]*file(nil), p.files...)
}

// end says that no record is added to a file any more. While the disk gives no
// file, those with room stay open.
func (p *pool[K]) end(f *file) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.trouble == "" || f.full(0) {
		f.shut = true
	}
	return f.shut
}

// forget drops a file from the list before it is removed.
func (p *pool[K]) forget(f *file) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.files {
		if p.files[i] == f {
			p.files = append(p.files[:i], p.files[i+1:]...)
			break
		}
	}
	if f.path == "" {
		p.memory--
	}
	for _, x := range []*hourIndex[K]{&p.now, &p.last} {
		for k, pl := range x.place {
			if pl.file == f {
				delete(x.place, k)
			}
		}
	}
}

// reserve is how many records of the file are kept for coarse identities.
func (f *file) reserve() int {
	if f.path == "" {
		return reserved
	}
	return 0
}

// full reports whether fewer than keep+1 records are left.
func (f *file) full(keep int) bool { return int(f.used.Load())+keep >= f.cap }

var counterKind = kind[counterID]{
	ext: ".tgm", size: counterSize, idEnd: counterIDEnd,
	hourOf: func(k counterID) uint32 { return k.Hour },
	put:    putCounterID, get: getCounterID,
	coarse: func(k counterID) counterID {
		return counterID{Organization: k.Organization, Gateway: k.Gateway, Plan: k.Plan, Hour: k.Hour}
	},
}

var routeKind = kind[routeID]{
	ext: ".tgr", size: routeSize, idEnd: routeIDEnd,
	hourOf: func(k routeID) uint32 { return k.hour },
	put:    putRouteID, get: getRouteID,
	coarse: func(k routeID) routeID {
		return routeID{organization: k.organization, gateway: k.gateway, hour: k.hour}
	},
}
