package edge

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/services/contract"
)

const (
	wildcardEvery = 5 * time.Second
	wildcardTime  = 3 * time.Second
)

// wildcard is the edge domain's certificate, where the control plane has one. It is
// kept on disk as it came, encrypted, so that an edge that starts without Redis
// shows it too.
type wildcard struct {
	redis  redis.UniversalClient
	keys   *contract.EdgeKeys
	file   string
	domain string
	log    *slog.Logger

	last   []byte // of what was read; touched by run alone
	failed bool
	cert   atomic.Pointer[tls.Certificate]
}

// openWildcard reads what the edge had.
func openWildcard(r redis.UniversalClient, keys *contract.EdgeKeys, dir, domain string, log *slog.Logger) *wildcard {
	w := &wildcard{redis: r, keys: keys, file: filepath.Join(dir, "edge-domain.certificate"), domain: domain, log: log}
	b, err := os.ReadFile(w.file)
	if err == nil {
		_, err = w.take(b)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("the kept certificate of the edge domain can't be used", "error", err)
	}
	return w
}

// current is the certificate, or else the one that is given.
func (w *wildcard) current(otherwise *tls.Certificate) *tls.Certificate {
	if c := w.cert.Load(); c != nil {
		return c
	}
	return otherwise
}

// take has an encoded certificate shown from now on; it says whether it is another
// one.
func (w *wildcard) take(b []byte) (changed bool, err error) {
	var v contract.EdgeCertificate
	if err := contract.DecodeSecretMessage(w.keys, contract.MessageCertificate, b, &v); err != nil {
		return false, err
	}
	c, err := tls.X509KeyPair([]byte(v.ChainPEM), []byte(v.KeyPEM))
	if err != nil {
		return false, fmt.Errorf("it can't be used: %w", err)
	}
	if err := c.Leaf.VerifyHostname("any." + w.domain); err != nil {
		return false, err
	}
	old := w.cert.Load()
	if old != nil && bytes.Equal(old.Certificate[0], c.Certificate[0]) {
		return false, nil
	}
	w.cert.Store(&c)
	return true, nil
}

// run looks for a new certificate until ctx ends. Without Redis, and without one in
// it, the certificate at hand stays.
func (w *wildcard) run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := w.look(ctx); err != nil && ctx.Err() == nil {
			if !w.failed {
				w.log.Warn("the edge domain's certificate can't be taken; the one at hand stays", "error", err)
			}
			w.failed = true
		}
		sleep(ctx, wildcardEvery)
	}
	return nil
}

func (w *wildcard) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, wildcardTime)
	defer cancel()
	b, err := w.redis.Get(ctx, contract.RedisEdgeCertificate).Bytes()
	if err != nil || bytes.Equal(b, w.last) {
		return nil // none, nothing new, or Redis is away, which others say
	}
	changed, err := w.take(b)
	if err != nil {
		return err
	}
	w.last, w.failed = b, false
	if !changed {
		return nil
	}
	w.log.Info("certificate of the edge domain", "until", w.cert.Load().Leaf.NotAfter.UTC().Format(time.RFC3339))
	return writeFile(w.file, b)
}

// writeFile replaces a file as a whole.
func writeFile(path string, b []byte) error {
	next := path + ".new"
	if err := os.WriteFile(next, b, 0o600); err != nil {
		return fmt.Errorf("keep the edge domain's certificate: %w", err)
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("keep the edge domain's certificate: %w", err)
	}
	return nil
}
