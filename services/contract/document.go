package contract

import (
	"bytes"
	"compress/flate"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Kinds of signed documents.
const (
	KindGateway      byte = 'g'
	KindOrganization byte = 'o'
	KindHead         byte = 'h'
	KindOrder        byte = 'c' // a command to one edge
)

// MaxDocument bounds a decompressed document.
const MaxDocument = 16 << 20

const docMagic = "TGD1"

// A signed document is: magic "TGD1", kind (1), version (8, big endian),
// Ed25519 signature (64) over everything else, DEFLATE-compressed JSON.
const docHead = len(docMagic) + 1 + 8 + ed25519.SignatureSize

// Errors of OpenDocument.
var (
	ErrBadSignature = errors.New("document signature does not verify")
	ErrBadDocument  = errors.New("document is malformed")
)

// SignDocument encodes v as JSON, compresses and signs it. Version is written in
// clear so that Redis scripts can compare it without reading the document.
func SignDocument(key ed25519.PrivateKey, kind byte, version uint64, v any) ([]byte, error) {
	js, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode document: %w", err)
	}
	if len(js) > MaxDocument {
		return nil, fmt.Errorf("document is %d bytes, at most %d are allowed", len(js), MaxDocument)
	}
	var body bytes.Buffer
	w, _ := flate.NewWriter(&body, flate.BestSpeed)
	_, _ = w.Write(js)
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compress document: %w", err)
	}
	out := make([]byte, docHead, docHead+body.Len())
	copy(out, docMagic)
	out[4] = kind
	binary.BigEndian.PutUint64(out[5:], version)
	out = append(out, body.Bytes()...)
	copy(out[13:], ed25519.Sign(key, signedPart(out)))
	return out, nil
}

func signedPart(doc []byte) []byte {
	d := sha256.Sum256(doc[docHead:])
	return append(append(make([]byte, 0, 13+32), doc[:13]...), d[:]...)
}

// DocumentVersion reads the version of a signed document without verifying it.
func DocumentVersion(doc []byte) (kind byte, version uint64, err error) {
	if len(doc) < docHead || string(doc[:4]) != docMagic {
		return 0, 0, ErrBadDocument
	}
	return doc[4], binary.BigEndian.Uint64(doc[5:]), nil
}

// VerifyDocument checks the signature and the kind, and returns the version.
func VerifyDocument(key ed25519.PublicKey, kind byte, doc []byte) (uint64, error) {
	k, v, err := DocumentVersion(doc)
	if err != nil {
		return 0, err
	}
	if k != kind {
		return 0, fmt.Errorf("%w: kind %q, want %q", ErrBadDocument, k, kind)
	}
	if !ed25519.Verify(key, signedPart(doc), doc[13:13+ed25519.SignatureSize]) {
		return 0, ErrBadSignature
	}
	return v, nil
}

// OpenDocument verifies doc and decodes it into v, refusing unknown fields,
// trailing data and anything over MaxDocument.
func OpenDocument(key ed25519.PublicKey, kind byte, doc []byte, v any) (version uint64, err error) {
	version, err = VerifyDocument(key, kind, doc)
	if err != nil {
		return 0, err
	}
	return version, DecodeDocument(doc, v)
}

// DecodeDocument decodes a document whose signature was verified before (an
// edge verifies once, when it loads it, and compiles later).
func DecodeDocument(doc []byte, v any) error {
	if len(doc) < docHead {
		return ErrBadDocument
	}
	js, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(doc[docHead:])), MaxDocument+1))
	if err != nil {
		return fmt.Errorf("%w: %v", ErrBadDocument, err)
	}
	if len(js) > MaxDocument {
		return fmt.Errorf("%w: over %d bytes", ErrBadDocument, MaxDocument)
	}
	dec := json.NewDecoder(bytes.NewReader(js))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("%w: %v", ErrBadDocument, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("%w: data after the document", ErrBadDocument)
	}
	return nil
}

// DocumentDigest is the digest of a signed document that the index carries.
func DocumentDigest(doc []byte) [16]byte {
	d := sha256.Sum256(doc)
	return [16]byte(d[:16])
}

// Head is the signed heartbeat of the publisher, written each second. Freshness
// of everything an edge holds is judged by it.
type Head struct {
	Lineage string `json:"lineage"` // changes when the database was restored
	Rev     uint64 `json:"rev"`     // newest revision in the change stream
	Time    int64  `json:"time"`    // Unix milliseconds
	Epoch   uint64 `json:"epoch"`   // publisher's fencing epoch
	Root    []byte `json:"root"`    // Root of the index buckets' digests
	Issued  int64  `json:"issued"`  // Unix milliseconds at which the lineage began
}

// IndexBuckets is the number of index hashes.
const IndexBuckets = 4096

// BucketDigest is the order-independent digest of one index bucket: the XOR of
// the hashes of its entries. An empty bucket is all zero.
func BucketDigest(entries map[string]string) (d [32]byte) {
	for id, e := range entries {
		h := EntryDigest(id, e)
		for i := range d {
			d[i] ^= h[i]
		}
	}
	return d
}

// EntryDigest is one entry's part of BucketDigest, so that a publisher can keep
// a bucket's digest by XOR of what left and what came.
func EntryDigest(id, entry string) [32]byte {
	h := sha256.New()
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], uint32(len(id)))
	h.Write(n[:])
	io.WriteString(h, id)
	io.WriteString(h, entry)
	return [32]byte(h.Sum(nil))
}

// IndexRoot is the digest over all buckets in order.
func IndexRoot(buckets *[IndexBuckets][32]byte) []byte {
	h := sha256.New()
	for i := range buckets {
		h.Write(buckets[i][:])
	}
	return h.Sum(nil)
}

// IndexEntry is the value of one index field: version and digest of the signed
// document of a gateway (field "gw_…") or an organization ("org_…").
func IndexEntry(version uint64, digest [16]byte) string {
	return fmt.Sprintf("%d %x", version, digest)
}

// ParseIndexEntry reads what IndexEntry wrote.
func ParseIndexEntry(s string) (version uint64, digest [16]byte, err error) {
	var d []byte
	if _, err := fmt.Sscanf(s, "%d %x", &version, &d); err != nil || len(d) != 16 {
		return 0, digest, fmt.Errorf("index entry %.40q is malformed", s)
	}
	return version, [16]byte(d), nil
}
