package edge

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/config"
	"github.com/tollgate/tollgate/services/contract"
)

// published makes a certificate for a domain, as the worker sends it.
func published(t *testing.T, keys *contract.EdgeKeys, domain string) []byte {
	t.Helper()
	dir := t.TempDir()
	if _, err := config.SelfSigned(dir, domain, time.Now()); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	text, err := os.ReadFile(dir + "/" + entries[0].Name())
	if err != nil {
		t.Fatal(err)
	}
	v := contract.EdgeCertificate{}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			v.ChainPEM += string(pem.EncodeToMemory(block))
		} else {
			v.KeyPEM += string(pem.EncodeToMemory(block))
		}
	}
	b, err := contract.EncodeSecretMessage(keys, contract.MessageCertificate, v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestWildcard: a certificate is taken when it is good, kept on disk, and what is no
// good changes nothing.
func TestWildcard(t *testing.T) {
	root, err := contract.NewRootKeys(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	keys := &root.Edge
	dir := t.TempDir()
	open := func() *wildcard { return openWildcard(nil, keys, dir, "gw.example.net", slog.New(slog.DiscardHandler)) }
	fallback := &tls.Certificate{}
	w := open()
	if w.current(fallback) != fallback {
		t.Fatal("without a certificate the other one is shown")
	}
	first := published(t, keys, "gw.example.net")
	if changed, err := w.take(first); err != nil || !changed {
		t.Fatal(changed, err)
	}
	shown := w.current(fallback)
	if shown == fallback || shown.Leaf.VerifyHostname("shop.gw.example.net") != nil {
		t.Fatalf("shown: %v", shown.Leaf.DNSNames)
	}
	if changed, err := w.take(first); err != nil || changed {
		t.Errorf("the same again: %v, %v", changed, err)
	}
	other, err := contract.NewRootKeys(bytes.Repeat([]byte{2}, 32))
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"no message":        []byte("nonsense"),
		"of other keys":     published(t, &other.Edge, "gw.example.net"),
		"for other domains": published(t, keys, "example.org"),
	} {
		if _, err := w.take(b); err == nil || w.current(fallback) != shown {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := writeFile(w.file, first); err != nil {
		t.Fatal(err)
	}
	if again := open().current(fallback); again == fallback || !again.Leaf.Equal(shown.Leaf) {
		t.Error("an edge that starts does not show what it had")
	}
	if err := os.WriteFile(w.file, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if open().current(fallback) != fallback {
		t.Error("a damaged file is shown")
	}
}
