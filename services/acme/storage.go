package acme

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"

	"github.com/tollgate/tollgate/services/contract"
)

// Entry is one stored value.
type Entry struct {
	Key      string
	Sealed   []byte
	Size     int64 // before encryption
	Modified time.Time
}

// Store keeps entries and locks for all workers.
type Store interface {
	Load(ctx context.Context, key string) (*Entry, error) // nil: there is none
	Save(ctx context.Context, e Entry) error
	Delete(ctx context.Context, key string) error // with all below it
	// List finds the key itself and all below it, without values, by key.
	List(ctx context.Context, key string) ([]Entry, error)
	// Lock takes a lock for a time; false: somebody has it.
	Lock(ctx context.Context, name, holder string, lease time.Duration) (bool, error)
	Unlock(ctx context.Context, name, holder string) error
	// Extend prolongs all locks that the holder has.
	Extend(ctx context.Context, holder string, lease time.Duration) error
	Purge(ctx context.Context) error
}

// DomainPrefix begins the keys of what is kept for one domain; its id follows.
const DomainPrefix = "domains"

// storage is certmagic.Storage below a prefix. Values are sealed to their key, so
// that one can't be moved to another's place.
type storage struct {
	store  Store
	key    [32]byte
	prefix string
	holder string
}

var _ certmagic.Storage = (*storage)(nil)

func (s *storage) at(key string) string { return strings.TrimSuffix(s.prefix+"/"+key, "/") }

// Store writes a value.
func (s *storage) Store(ctx context.Context, key string, value []byte) error {
	at := s.at(key)
	sealed, err := contract.Seal(s.key, at, value)
	if err != nil {
		return fmt.Errorf("seal %s: %w", at, err)
	}
	return s.store.Save(ctx, Entry{Key: at, Sealed: sealed, Size: int64(len(value))})
}

// Load reads a value; fs.ErrNotExist says that there is none.
func (s *storage) Load(ctx context.Context, key string) ([]byte, error) {
	e, err := s.store.Load(ctx, s.at(key))
	if err != nil {
		return nil, err
	}
	if e == nil {
		return nil, fs.ErrNotExist
	}
	return contract.Open(s.key, e.Key, e.Sealed)
}

// Delete removes a value and what is below it.
func (s *storage) Delete(ctx context.Context, key string) error {
	return s.store.Delete(ctx, s.at(key))
}

// Exists says whether there is a value, or one below it.
func (s *storage) Exists(ctx context.Context, key string) bool {
	all, err := s.store.List(ctx, s.at(key))
	return err == nil && len(all) > 0
}

// List returns the keys below a path.
func (s *storage) List(ctx context.Context, path string, recursive bool) ([]string, error) {
	at := s.at(path)
	all, err := s.store.List(ctx, at)
	if err != nil {
		return nil, err
	}
	var out []string
	for i := range all {
		rest, ok := strings.CutPrefix(all[i].Key, at+"/")
		if !ok {
			continue
		}
		if !recursive {
			rest, _, _ = strings.Cut(rest, "/")
		}
		name := strings.TrimPrefix(path+"/"+rest, "/")
		if len(out) == 0 || out[len(out)-1] != name {
			out = append(out, name)
		}
	}
	if len(out) == 0 {
		return nil, fs.ErrNotExist
	}
	return out, nil
}

// Stat describes a value.
func (s *storage) Stat(ctx context.Context, key string) (certmagic.KeyInfo, error) {
	all, err := s.store.List(ctx, s.at(key))
	if err != nil {
		return certmagic.KeyInfo{}, err
	}
	if len(all) == 0 {
		return certmagic.KeyInfo{}, fs.ErrNotExist
	}
	e := all[0]
	return certmagic.KeyInfo{Key: key, Modified: e.Modified, Size: e.Size, IsTerminal: e.Key == s.at(key)}, nil
}

// Lock waits until the lock is free or ctx ends.
func (s *storage) Lock(ctx context.Context, name string) error {
	for {
		ok, err := s.store.Lock(ctx, s.at("lock/"+name), s.holder, leaseFor)
		if err != nil || ok {
			return err
		}
		t := time.NewTimer(100*time.Millisecond + rand.N(100*time.Millisecond))
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
	}
}

// Unlock frees the lock, also when the attempt's time is over.
func (s *storage) Unlock(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	return s.store.Unlock(ctx, s.at("lock/"+name), s.holder)
}
