package snapshot

import (
	"bytes"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tollgate/tollgate/services/contract"
)

// Table finds gateways. All methods are safe for concurrent use.
type Table struct {
	hosts *hosts
	byID  sync.Map // id → *Entry

	complete atomic.Bool
	moved    chan struct{} // yields after streams have come or gone
}

func newTable() *Table { return &Table{hosts: newHosts(), moved: make(chan struct{}, 1)} }

// Find returns the gateway that answers for a canonical host name (lower case,
// no port, no trailing dot): an exact name first, then a wildcard of one label.
// Nil means that no gateway does: 404 no_route. It does not allocate.
func (t *Table) Find(host []byte) *Entry {
	if len(host) == 0 || host[0] == '.' { // the form under which wildcards are kept
		return nil
	}
	if e := t.hosts.getBytes(host); e != nil {
		return e
	}
	if i := bytes.IndexByte(host, '.'); i > 0 {
		return t.hosts.getBytes(host[i:])
	}
	return nil
}

// FindString is Find for a string.
func (t *Table) FindString(host string) *Entry {
	if host == "" || host[0] == '.' {
		return nil
	}
	if e := t.hosts.get(host); e != nil {
		return e
	}
	if i := strings.IndexByte(host, '.'); i > 0 {
		return t.hosts.get(host[i:])
	}
	return nil
}

// Get returns a gateway by its id, nil when it is not known.
func (t *Table) Get(id string) *Entry {
	if e, ok := t.byID.Load(id); ok {
		return e.(*Entry)
	}
	return nil
}

// Missing is what a host is answered that no gateway answers for: no_route, or
// config_unavailable as long as no whole configuration was ever loaded, since the
// host may well be somebody's.
func (t *Table) Missing() contract.Code {
	if t.complete.Load() {
		return contract.CodeNoRoute
	}
	return contract.CodeConfigUnavailable
}

// SetComplete says that a whole configuration was loaded.
func (t *Table) SetComplete() { t.complete.Store(true) }

// each calls fn for every entry, in no order, until it returns false.
func (t *Table) each(fn func(*Entry) bool) {
	t.byID.Range(func(_, e any) bool { return fn(e.(*Entry)) })
}
