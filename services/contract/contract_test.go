package contract

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden bytes of this schema version anew")

func testKeys(t testing.TB) *RootKeys {
	t.Helper()
	k, err := NewRootKeys(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sampleGateway() *Gateway {
	w, yes := 3, true
	return &Gateway{
		Schema: 1, ID: "gw_1", Num: 11, Name: "shop", Label: "shop", Organization: "org_1", OrganizationNum: 5, Mode: ModeLive, Version: 42,
		Hosts:    []string{"shop.localhost"},
		Policies: []Policy{{Type: "api_key", Config: json.RawMessage(`{}`)}},
		Upstreams: []Upstream{{
			ID: "up_1", Num: 2, Name: "app", Algorithm: RoundRobin, Targets: []Target{{URL: "http://10.0.0.1:80", Weight: &w}},
			Timeouts: &Timeouts{Connect: Duration(time.Second)}, Retries: &Retries{Attempts: 2, On: []string{"503"}},
		}},
		Routes:     []Route{{ID: "rt_1", Num: 9, Name: "all", Match: Match{Path: "/*", Headers: []FieldMatch{{Name: "X-A", Present: &yes}}}, Upstream: "app", Timeout: Duration(3 * time.Second)}},
		UsagePlans: []UsagePlan{{ID: "plan_1", Num: 4, Name: "gold", RateLimit: &Rate{Rate: 10, Per: "second", Burst: 20}, Quota: &Quota{Limit: 1000, Period: "month"}}},
		Secrets:    map[string][]byte{"s": {1, 2, 3}},
	}
}

func sampleRecord() *KeyRecord {
	return &KeyRecord{
		KID: 12345, Version: 3, Gateway: 11, Consumer: 8, UsagePlan: 4, Expires: 1, State: KeyActive, Pepper: PepperVersion,
		Hash: [32]byte{9}, ConsumerRef: "alice", Scopes: []string{"read", "write"}, Rotated: true,
	}
}

// sampleRecords are records by the first schema that could hold them.
func sampleRecords() map[int]*KeyRecord {
	own := sampleRecord()
	own.Limits = KeyLimits{RateLimit: &Rate{Rate: 5, Per: "minute", Burst: 7}, Quota: &Quota{Limit: 1 << 40, Period: "week"}, Concurrency: 3}
	own.LimitsOf = 777
	return map[int]*KeyRecord{1: sampleRecord(), 2: own, 3: own, 4: own}
}

func sampleBatch() *Batch {
	l := Latency{Organization: 5, Gateway: 11, Route: 9, Hour: 100}
	l.Edge[3], l.Upstream[95] = 7, 9
	return &Batch{
		Edge: "edge-a", Incarnation: [16]byte{1}, Epoch: 2, Seq: 3, Complete: true, Sealed: 99,
		Counters: []Counter{{CounterID{5, 11, 9, 8, 12345, 1, 100}, Counts{10, 9, 5, 1, 2, 1, 3, 400, 1 << 40}}},
		Latency:  []Latency{l}, Statuses: []StatusCount{{5, 11, 9, 100, 204, 5}},
	}
}

func TestHistoryNamesTheVersion(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile("schema.go")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^//\t(\d+)  (\d{4}-\d{2}-\d{2})  \S`).FindAllStringSubmatch(string(src), -1)
	if len(rows) != SchemaVersion {
		t.Fatalf("%d rows of history for schema %d", len(rows), SchemaVersion)
	}
	for i, r := range rows {
		if n, _ := strconv.Atoi(r[1]); n != i+1 {
			t.Errorf("row %d is for version %d", i+1, n)
		}
		if _, err := time.Parse(time.DateOnly, r[2]); err != nil {
			t.Error(err)
		}
	}
}

// TestGolden decodes the stored bytes of every released version and, for the
// present one, checks that encoding still gives the same bytes.
func TestGolden(t *testing.T) {
	t.Parallel()
	keys := testKeys(t)
	doc, err := SignDocument(keys.Signer, KindGateway, 42, sampleGateway())
	if err != nil {
		t.Fatal(err)
	}
	rec, err := sampleRecords()[SchemaVersion].Encode(&keys.Edge)
	if err != nil {
		t.Fatal(err)
	}
	batch, err := sampleBatch().Encode(&keys.Edge)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"gateway.bin": doc, "key.bin": rec, "batch.bin": batch, "edgesecret.txt": []byte(keys.Edge.Secret())}
	dir := filepath.Join("testdata", "v"+strconv.Itoa(SchemaVersion))
	if *update {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, b := range files {
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, b := range files {
		old, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if name != "gateway.bin" && !bytes.Equal(old, b) { // the compressor may change between Go releases
			t.Errorf("%s: the encoding changed without a new schema version", name)
		}
	}
	for version := 1; version <= SchemaVersion; version++ {
		checkGolden(t, keys, version)
	}
}

// checkGolden reads the stored bytes of one version.
func checkGolden(t *testing.T, keys *RootKeys, version int) {
	t.Helper()
	files := map[string][]byte{"gateway.bin": nil, "key.bin": nil, "batch.bin": nil, "edgesecret.txt": nil}
	for name := range files {
		b, err := os.ReadFile(filepath.Join("testdata", "v"+strconv.Itoa(version), name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = b
	}
	var g Gateway
	if v, err := OpenDocument(keys.Edge.Verifier, KindGateway, files["gateway.bin"], &g); err != nil || v != 42 || !reflect.DeepEqual(&g, sampleGateway()) {
		t.Errorf("gateway: version %d, %v\n%+v", v, err, g)
	}
	if r, err := DecodeKeyRecord(&keys.Edge, files["key.bin"]); err != nil || !reflect.DeepEqual(r, sampleRecords()[version]) {
		t.Errorf("key: %v %+v", err, r)
	}
	if b, err := DecodeBatch(&keys.Edge, files["batch.bin"]); err != nil || !reflect.DeepEqual(b, sampleBatch()) {
		t.Errorf("batch: %v %+v", err, b)
	}
	if k, err := ParseEdgeSecret(string(files["edgesecret.txt"])); err != nil || !reflect.DeepEqual(k, &keys.Edge) {
		t.Errorf("edge secret: %v", err)
	}
}

// TestEveryFlippedBitIsRefused flips each bit of each signed form.
func TestEveryFlippedBitIsRefused(t *testing.T) {
	t.Parallel()
	keys := testKeys(t)
	doc, _ := SignDocument(keys.Signer, KindHead, 7, &Head{Lineage: "l", Rev: 7})
	rec, _ := sampleRecords()[2].Encode(&keys.Edge)
	batch, _ := sampleBatch().Encode(&keys.Edge)
	msg, _ := EncodeMessage(&keys.Edge, MessageAsk, Ask{ID: "a"})
	secret, _ := EncodeSecretMessage(&keys.Edge, MessageAsk, Ask{ID: "hush-hush-hush"})
	if bytes.Contains(secret, []byte("hush")) {
		t.Error("a secret message can be read")
	}
	cases := map[string]struct {
		b    []byte
		open func([]byte) error
	}{
		"document": {doc, func(b []byte) error { _, err := OpenDocument(keys.Edge.Verifier, KindHead, b, &Head{}); return err }},
		"record":   {rec, func(b []byte) error { _, err := DecodeKeyRecord(&keys.Edge, b); return err }},
		"batch":    {batch, func(b []byte) error { _, err := DecodeBatch(&keys.Edge, b); return err }},
		"secret":   {secret, func(b []byte) error { return DecodeSecretMessage(&keys.Edge, MessageAsk, b, &Ask{}) }},
		"message":  {msg, func(b []byte) error { return DecodeMessage(&keys.Edge, MessageAsk, b, &Ask{}) }},
	}
	for name, c := range cases {
		if err := c.open(c.b); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i := range len(c.b) * 8 {
			c.b[i/8] ^= 1 << (i % 8)
			if c.open(c.b) == nil {
				t.Fatalf("%s: bit %d of %d flipped and accepted", name, i, len(c.b)*8)
			}
			c.b[i/8] ^= 1 << (i % 8)
		}
		for i := range c.b {
			if c.open(c.b[:i]) == nil {
				t.Fatalf("%s: cut at %d and accepted", name, i)
			}
		}
	}
	if err := DecodeMessage(&keys.Edge, MessageAnswer, msg, &Answer{}); !errors.Is(err, ErrBadMessage) {
		t.Errorf("a message was accepted for another purpose: %v", err)
	}
	if _, err := OpenDocument(keys.Edge.Verifier, KindGateway, doc, &Gateway{}); err == nil {
		t.Error("a head was accepted as a gateway")
	}
}

func TestDocumentRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	keys := testKeys(t)
	for name, v := range map[string]any{
		"unknown field":  map[string]any{"lineage": "x", "surprise": 1},
		"number as time": map[string]any{"routes": []any{map[string]any{"timeout": 5}}},
	} {
		doc, err := SignDocument(keys.Signer, KindGateway, 1, v)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := OpenDocument(keys.Edge.Verifier, KindGateway, doc, &Gateway{}); !errors.Is(err, ErrBadDocument) {
			t.Errorf("%s: %v", name, err)
		}
	}
	bomb, err := SignDocument(keys.Signer, KindGateway, 1, strings.Repeat("a", MaxDocument))
	if err == nil {
		t.Errorf("a document of %d bytes was signed", len(bomb))
	}
}

func TestKeyFormat(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{KeyPrefixLive, KeyPrefixTest} {
		key, kid, err := GenerateKey(prefix)
		if err != nil {
			t.Fatal(err)
		}
		p, ok := ParseKey(key)
		if !ok || p.KID != kid || p.Test != (prefix == KeyPrefixTest) || len(key) != MaxKeyLen {
			t.Fatalf("%q parses as %+v, %v", RedactKey(key), p, ok)
		}
		if !strings.Contains(key, "_"+FormatKID(kid)+"_") || kid>>60 != 0 {
			t.Errorf("kid %d does not stand in the key", kid)
		}
		if back, ok := ParseKID(FormatKID(kid)); !ok || back != kid {
			t.Errorf("kid %d comes back as %d", kid, back)
		}
		if _, ok := ParseToken(key); ok {
			t.Error("a key is accepted as a management token")
		}
		for i := range key {
			for _, c := range []byte{'_', '-', 'a', '0', 'Z', 0, 0xC3} {
				if key[i] == c {
					continue
				}
				bad := key[:i] + string([]byte{c}) + key[i+1:]
				if _, ok := ParseKey(bad); ok {
					t.Fatalf("accepted with byte %d changed to %q", i, c)
				}
			}
		}
		secret := key[len(prefix)+kidLen+1:]
		if r := RedactKey(key); strings.Contains(r, secret[:4]) || !strings.Contains(r, FormatKID(kid)) {
			t.Errorf("redacted to %q", r)
		}
	}
	if RedactKey("tg_live_short") != "[redacted]" {
		t.Error("a malformed key is shown")
	}
}

func TestParseKeyAllocatesNothing(t *testing.T) {
	key, _, err := GenerateKey(KeyPrefixLive)
	if err != nil {
		t.Fatal(err)
	}
	b := []byte(key)
	if n := testing.AllocsPerRun(100, func() {
		if _, ok := ParseKey(b); !ok {
			t.Fatal("not parsed")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestCodes(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, c := range Codes() {
		i := c.Info()
		if i.Name == "" || i.Title == "" || i.Status < 400 || i.Status > 599 || i.GRPC < 1 || i.GRPC > 16 || names[i.Name] {
			t.Errorf("code %d: %+v", c, i)
		}
		names[i.Name] = true
		if back, ok := CodeByName(i.Name); !ok || back != c {
			t.Errorf("%s comes back as %v", i.Name, back)
		}
		if (i.Status == 429 || i.Status == 503) != i.Retryable {
			t.Errorf("%s: status %d, retryable %v", i.Name, i.Status, i.Retryable)
		}
	}
	if Code(250).Info() != CodeInternal.Info() {
		t.Error("an unknown code is not internal")
	}
}

func TestParseRoot(t *testing.T) {
	t.Parallel()
	good := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, 32))
	if _, err := ParseRoot(good + "\n"); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "short", base64.StdEncoding.EncodeToString([]byte("31 bytes are not enough for it."))} {
		if _, err := ParseRoot(bad); err == nil || (bad != "" && strings.Contains(err.Error(), bad)) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	keys := testKeys(t)
	if bytes.Contains([]byte(keys.Edge.Secret()), keys.Signer.Seed()) || len(keys.Edge.Verifier) != ed25519.PublicKeySize {
		t.Error("the edge secret holds the signing key")
	}
}

func TestSealBindsItsContext(t *testing.T) {
	t.Parallel()
	keys := testKeys(t)
	s, err := keys.Edge.SealSecret("gw_1/a", []byte("hush"))
	if err != nil {
		t.Fatal(err)
	}
	if p, err := keys.Edge.OpenSecret("gw_1/a", s); err != nil || string(p) != "hush" {
		t.Errorf("%q, %v", p, err)
	}
	if _, err := keys.Edge.OpenSecret("gw_2/a", s); err == nil {
		t.Error("opened in another place")
	}
}

func TestIndexDigest(t *testing.T) {
	t.Parallel()
	a := IndexEntry(7, DocumentDigest([]byte("x")))
	if v, d, err := ParseIndexEntry(a); err != nil || v != 7 || d != DocumentDigest([]byte("x")) {
		t.Errorf("%d %x %v", v, d, err)
	}
	for _, bad := range []string{"", "7", "7 zz", "7 00", "-1 " + strings.Repeat("0", 32)} {
		if _, _, err := ParseIndexEntry(bad); err == nil {
			t.Errorf("%q accepted", bad)
		}
	}
	all := map[string]string{"gw_1": a, "gw_2": "8 00"}
	d := BucketDigest(all)
	e := EntryDigest("gw_2", "8 00")
	delete(all, "gw_2")
	for i := range d {
		d[i] ^= e[i]
	}
	if d != BucketDigest(all) {
		t.Error("a digest kept by XOR differs from one made anew")
	}
}

func FuzzDecoders(f *testing.F) {
	keys := testKeys(f)
	doc, _ := SignDocument(keys.Signer, KindGateway, 42, sampleGateway())
	rec, _ := sampleRecord().Encode(&keys.Edge)
	batch, _ := sampleBatch().Encode(&keys.Edge)
	notice, _ := (&Notice{Kind: NoticeKey, Record: rec}).Encode()
	own, _ := sampleRecords()[2].Encode(&keys.Edge)
	for _, b := range [][]byte{doc, rec, own, own[:len(own)-recMAC], batch, notice} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		// The decoders behind the MACs are reached by signing the input anew.
		_ = DecodeDocument(b, &Gateway{})
		_, _ = DecodeNotice(b)
		_, _, _ = ParseIndexEntry(string(b))
		_ = DecodeMessage(&keys.Edge, MessageAsk, b, &Ask{})
		m := mac(&keys.Edge.RecordMAC, "key record", b)
		if r, err := DecodeKeyRecord(&keys.Edge, append(b[:len(b):len(b)], m[:recMAC]...)); err == nil {
			if back, err := r.Encode(&keys.Edge); err != nil {
				t.Fatalf("decoded and not encoded again: %v %x", err, back)
			}
		}
		m = mac(&keys.Edge.BatchMAC, "usage batch", b)
		if r, err := DecodeBatch(&keys.Edge, append(b[:len(b):len(b)], m[:]...)); err == nil {
			if _, err := r.Encode(&keys.Edge); err != nil {
				t.Fatalf("decoded and not encoded again: %v", err)
			}
		}
	})
}

func FuzzParseKey(f *testing.F) {
	k, _, _ := GenerateKey(KeyPrefixLive)
	tok, _, _ := GenerateKey(TokenPrefix)
	f.Add(k)
	f.Add(tok)
	f.Add("tg_live_")
	f.Fuzz(func(t *testing.T, s string) {
		p, ok := ParseKey(s)
		if ok && (len(s) != MaxKeyLen || !strings.Contains(s, FormatKID(p.KID))) {
			t.Fatalf("%q parsed as %+v", s, p)
		}
		ParseToken(s)
		RedactKey(s)
	})
}

func BenchmarkParseKey(b *testing.B) {
	key, _, _ := GenerateKey(KeyPrefixLive)
	k := []byte(key)
	b.ReportAllocs()
	for b.Loop() {
		ParseKey(k)
	}
}
