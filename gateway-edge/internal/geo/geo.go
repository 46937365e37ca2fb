package geo

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"
)

// every is how often the file is looked at.
const every = time.Minute

// DB is a database of countries.
type DB struct {
	path string
	log  *slog.Logger
	cur  atomic.Pointer[table]
	bad  string // the file that could not be read and was logged; Run's own
}

// table is one version of the file.
type table struct {
	reader *maxminddb.Reader
	stamp  string
	// codes are the countries by where they stand in the file: a few hundred.
	codes sync.Map // uintptr → string
}

// Open reads the file.
func Open(path string, log *slog.Logger) (*DB, error) {
	d := &DB{path: path, log: log}
	t, err := load(path)
	if err != nil {
		return nil, err
	}
	d.cur.Store(t)
	return d, nil
}

func load(path string) (*table, error) {
	stamp, err := stampOf(path)
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r, err := maxminddb.OpenBytes(b)
	if err != nil {
		return nil, fmt.Errorf("%s is no database of countries: %w", path, err)
	}
	return &table{reader: r, stamp: stamp}, nil
}

// stampOf changes when the file does.
func stampOf(path string) (string, error) {
	s, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	return fmt.Sprint(s.ModTime().UnixNano(), " ", s.Size()), nil
}

// Country is where an address is, as an ISO 3166-1 alpha-2 code; "" when the
// database does not say.
func (d *DB) Country(a netip.Addr) string {
	t := d.cur.Load()
	r := t.reader.Lookup(a.Unmap().WithZone(""))
	if r.Err() != nil || !r.Found() {
		return ""
	}
	at := r.Offset()
	if code, ok := t.codes.Load(at); ok {
		return code.(string)
	}
	var code string
	if r.DecodePath(&code, "country", "iso_code") != nil {
		return ""
	}
	t.codes.Store(at, code)
	return code
}

// Run reads the file again when it changed, until ctx ends.
func (d *DB) Run(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			d.refresh()
		}
	}
}

func (d *DB) refresh() {
	stamp, err := stampOf(d.path)
	if err == nil && (stamp == d.cur.Load().stamp || stamp == d.bad) {
		return
	}
	var t *table
	if err == nil {
		t, err = load(d.path)
	}
	if err != nil {
		if stamp == "" {
			stamp = "none"
		}
		if d.bad != stamp {
			d.log.Warn("the database of countries can't be read; the last one stays", "file", d.path, "error", err)
		}
		d.bad = stamp
		return
	}
	d.bad = ""
	d.cur.Store(t)
	d.log.Info("the database of countries was read again", "file", d.path, "built", t.reader.Metadata.BuildTime())
}
