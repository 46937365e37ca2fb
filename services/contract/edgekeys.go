package contract

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
)

// RootKeys is what the control plane derives from TOLLGATE_SECRET_KEY: the
// private half of the snapshot signature, and everything an edge may know.
type RootKeys struct {
	Signer ed25519.PrivateKey
	Edge   EdgeKeys
	root   []byte
}

// EdgeKeys is what an edge is given (TOLLGATE_EDGE_SECRET): it can verify
// snapshots and check keys, but can sign no snapshot.
type EdgeKeys struct {
	Verifier  ed25519.PublicKey
	Pepper    [32]byte // version 1, the only one so far
	RecordMAC [32]byte // signs key records and explain questions
	BatchMAC  [32]byte // signs usage batches, bound to edge and epoch
	Sealing   [32]byte // AES-256-GCM for secrets inside documents and for disk
}

// SessionKey is what session cookies are made with: every edge has the same.
func (k *EdgeKeys) SessionKey() []byte {
	mac := hmac.New(sha256.New, k.Sealing[:])
	_, _ = mac.Write([]byte("session cookies v1"))
	return mac.Sum(nil)
}

// TicketKey is what keys of TLS session tickets are derived from: every edge has
// the same.
func (k *EdgeKeys) TicketKey() []byte {
	mac := hmac.New(sha256.New, k.Sealing[:])
	_, _ = mac.Write([]byte("tls session tickets v1"))
	return mac.Sum(nil)
}

// AddressTokenKey is what clients of HTTP/3 prove their addresses with at their next
// visit (RFC 9000, 8.1.3): every edge has the same.
func (k *EdgeKeys) AddressTokenKey() [32]byte { return k.derive("quic address tokens v1") }

// ResetKey is what one edge's stateless resets are made with (RFC 9000, 10.3). No
// two edges may have the same: one could end the other's connections.
func (k *EdgeKeys) ResetKey(edge string) [32]byte {
	return k.derive("quic stateless resets v1 " + edge)
}

func (k *EdgeKeys) derive(what string) [32]byte {
	mac := hmac.New(sha256.New, k.Sealing[:])
	_, _ = mac.Write([]byte(what))
	return [32]byte(mac.Sum(nil))
}

// PepperVersion is the pepper that new keys are hashed under.
const PepperVersion = 1

// ParseRoot reads TOLLGATE_SECRET_KEY: 32 bytes in base64.
func ParseRoot(text string) (*RootKeys, error) {
	text = strings.TrimSpace(text)
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		b, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	}
	if err != nil || len(b) != 32 {
		return nil, errors.New("TOLLGATE_SECRET_KEY must be 32 bytes in base64 (openssl rand -base64 32)")
	}
	return NewRootKeys(b)
}

// NewRootKeys derives every key from 32 bytes of root secret by HKDF-SHA-256
// (RFC 5869), one label a purpose.
func NewRootKeys(root []byte) (*RootKeys, error) {
	if len(root) != 32 {
		return nil, fmt.Errorf("root secret is %d bytes, want 32", len(root))
	}
	r := &RootKeys{root: append([]byte(nil), root...)}
	seed, err := r.Derive("snapshot signature v1")
	if err != nil {
		return nil, err
	}
	r.Signer = ed25519.NewKeyFromSeed(seed[:])
	r.Edge.Verifier = r.Signer.Public().(ed25519.PublicKey)
	for label, dst := range map[string]*[32]byte{
		"api key pepper v1": &r.Edge.Pepper,
		"key record mac v1": &r.Edge.RecordMAC,
		"usage batch mac 1": &r.Edge.BatchMAC,
		"edge sealing v1":   &r.Edge.Sealing,
	} {
		if *dst, err = r.Derive(label); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Derive returns another 32-byte key of the control plane's own for a purpose
// (secrets at rest, sessions, one-time links). It never reaches an edge.
func (r *RootKeys) Derive(purpose string) (out [32]byte, err error) {
	b, err := hkdf.Key(sha256.New, r.root, []byte("tollgate"), purpose, 32)
	if err != nil {
		return out, fmt.Errorf("derive %q: %w", purpose, err)
	}
	copy(out[:], b)
	return out, nil
}

const edgeSecretPrefix = "tge1_"

// Secret writes the keys as TOLLGATE_EDGE_SECRET.
func (k *EdgeKeys) Secret() string {
	b := append([]byte(nil), k.Verifier...)
	for _, p := range [][32]byte{k.Pepper, k.RecordMAC, k.BatchMAC, k.Sealing} {
		b = append(b, p[:]...)
	}
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	return edgeSecretPrefix + base64.RawURLEncoding.EncodeToString(b)
}

// ParseEdgeSecret reads TOLLGATE_EDGE_SECRET.
func ParseEdgeSecret(text string) (*EdgeKeys, error) {
	const hint = "print it with `tollgate secrets edge`"
	s, ok := strings.CutPrefix(strings.TrimSpace(text), edgeSecretPrefix)
	if !ok {
		return nil, errors.New("TOLLGATE_EDGE_SECRET must begin with " + edgeSecretPrefix + "; " + hint)
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) != 5*32+4 || binary.BigEndian.Uint32(b[160:]) != crc32.ChecksumIEEE(b[:160]) {
		return nil, errors.New("TOLLGATE_EDGE_SECRET is damaged; " + hint)
	}
	k := &EdgeKeys{Verifier: ed25519.PublicKey(append([]byte(nil), b[:32]...))}
	for i, dst := range []*[32]byte{&k.Pepper, &k.RecordMAC, &k.BatchMAC, &k.Sealing} {
		copy(dst[:], b[32*(i+1):])
	}
	return k, nil
}

// SealSecret encrypts a value for edges; context (gateway id and the secret's
// name) is bound to it, so that a sealed value can't be moved elsewhere.
func (k *EdgeKeys) SealSecret(context string, plain []byte) ([]byte, error) {
	return Seal(k.Sealing, context, plain)
}

// OpenSecret decrypts what SealSecret made for the same context.
func (k *EdgeKeys) OpenSecret(context string, sealed []byte) ([]byte, error) {
	return Open(k.Sealing, context, sealed)
}

// CertificateContext is what the private key of a gateway's certificate is sealed
// for.
func CertificateContext(gateway string) string { return gateway + "/certificate" }

// Seal encrypts with AES-256-GCM under a random nonce, which leads the result.
func Seal(key [32]byte, context string, plain []byte) ([]byte, error) {
	a, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, a.NonceSize(), a.NonceSize()+len(plain)+a.Overhead())
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("read random: %w", err)
	}
	return a.Seal(nonce, nonce, plain, []byte(context)), nil
}

// Open decrypts what Seal made for the same key and context.
func Open(key [32]byte, context string, sealed []byte) ([]byte, error) {
	a, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	if len(sealed) < a.NonceSize() {
		return nil, errors.New("sealed value is too short")
	}
	p, err := a.Open(nil, sealed[:a.NonceSize()], sealed[a.NonceSize():], []byte(context))
	if err != nil {
		return nil, errors.New("sealed value does not open: another key or another place")
	}
	return p, nil
}

func newGCM(key [32]byte) (cipher.AEAD, error) {
	c, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(c)
}

// mac is HMAC-SHA-256 over a label and parts, each with its length, so that no
// two different tuples give the same input.
func mac(key *[32]byte, label string, parts ...[]byte) [32]byte {
	h := hmac.New(sha256.New, key[:])
	var n [8]byte
	write := func(p []byte) {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write(p)
	}
	write([]byte(label))
	for _, p := range parts {
		write(p)
	}
	var out [32]byte
	h.Sum(out[:0])
	return out
}
