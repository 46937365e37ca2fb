package contract

import (
	"bytes"
	"reflect"
	"testing"
)

// TestRecordsSayWhatTheyCanInTheOldestSchema holds the rule that lets edges and
// control plane be updated in any order: a record that needs nothing new is
// written as it always was.
func TestRecordsSayWhatTheyCanInTheOldestSchema(t *testing.T) {
	t.Parallel()
	keys := testKeys(t)
	for name, c := range map[string]struct {
		change func(*KeyRecord)
		magic  byte
	}{
		"plain":       {func(*KeyRecord) {}, recMagic},
		"rate":        {func(r *KeyRecord) { r.Limits.RateLimit = &Rate{Rate: 1} }, recMore},
		"quota":       {func(r *KeyRecord) { r.Limits.Quota = &Quota{Limit: 1, Period: "day"} }, recMore},
		"concurrency": {func(r *KeyRecord) { r.Limits.Concurrency = 1 }, recMore},
		"successor":   {func(r *KeyRecord) { r.LimitsOf = 9 }, recMore},
		"identity":    {func(r *KeyRecord) { r.Kind = RecordIdentity }, recMore},
	} {
		r := sampleRecord()
		c.change(r)
		b, err := r.Encode(&keys.Edge)
		if err != nil || b[0] != c.magic {
			t.Fatalf("%s: magic %x, %v", name, b[:1], err)
		}
		if back, err := DecodeKeyRecord(&keys.Edge, b); err != nil || !reflect.DeepEqual(back, r) {
			t.Errorf("%s: came back as %+v, %v", name, back, err)
		}
	}
}

func TestRecordsRefuseLimitsThatNobodyKnows(t *testing.T) {
	t.Parallel()
	keys := testKeys(t)
	for name, l := range map[string]KeyLimits{
		"rate":        {RateLimit: &Rate{Rate: 1, Per: "fortnight"}},
		"quota":       {Quota: &Quota{Limit: 1, Period: "year"}},
		"concurrency": {Concurrency: -1},
	} {
		r := sampleRecord()
		r.Limits = l
		if _, err := r.Encode(&keys.Edge); err == nil {
			t.Errorf("%s: encoded", name)
		}
	}
	r := sampleRecord()
	r.Limits = KeyLimits{RateLimit: &Rate{Rate: 1}}
	good, err := r.Encode(&keys.Edge)
	if err != nil {
		t.Fatal(err)
	}
	extra := len(good) - recMAC - recExtra
	for at, v := range map[int]byte{0: 2, 9: 0x80, 17: 9, 18: 0x80, 26: 0x80, 34: 1, 35: 0xff} {
		bad := bytes.Clone(good[:len(good)-recMAC])
		bad[extra+at] = v
		m := mac(&keys.Edge.RecordMAC, "key record", bad)
		if back, err := DecodeKeyRecord(&keys.Edge, append(bad, m[:recMAC]...)); err == nil {
			t.Errorf("byte %d as %x was read as %+v", at, v, back)
		}
	}
}

func TestKeyLimitsEqual(t *testing.T) {
	t.Parallel()
	a := KeyLimits{RateLimit: &Rate{Rate: 1}, Quota: &Quota{Limit: 2, Period: "day"}, Concurrency: 3}
	b := KeyLimits{RateLimit: &Rate{Rate: 1}, Quota: &Quota{Limit: 2, Period: "day"}, Concurrency: 3}
	if !a.Equal(&b) || a.None() || !(&KeyLimits{}).None() {
		t.Error("the same limits differ, or some are none")
	}
	for _, c := range []KeyLimits{{}, {RateLimit: a.RateLimit, Quota: a.Quota}, {RateLimit: &Rate{Rate: 2}, Quota: a.Quota, Concurrency: 3}, {RateLimit: a.RateLimit, Concurrency: 3}} {
		if a.Equal(&c) || c.Equal(&a) {
			t.Errorf("%+v equals %+v", a, c)
		}
	}
}

func TestIdentityKID(t *testing.T) {
	t.Parallel()
	keys := testKeys(t)
	kid, hash := IdentityKID(&keys.Edge.Pepper, 7, "https://id.example", "alice")
	if back, ok := ParseKID(FormatKID(kid)); !ok || back != kid {
		t.Errorf("kid %d can't be written", kid)
	}
	again, same := IdentityKID(&keys.Edge.Pepper, 7, "https://id.example", "alice")
	if again != kid || same != hash {
		t.Error("not a function of its input")
	}
	other := [32]byte{1}
	for name, h := range map[string]func() (uint64, [32]byte){
		"gateway": func() (uint64, [32]byte) { return IdentityKID(&keys.Edge.Pepper, 8, "https://id.example", "alice") },
		"issuer":  func() (uint64, [32]byte) { return IdentityKID(&keys.Edge.Pepper, 7, "https://id.example/", "alice") },
		"border":  func() (uint64, [32]byte) { return IdentityKID(&keys.Edge.Pepper, 7, "https://id.examplea", "lice") },
		"pepper":  func() (uint64, [32]byte) { return IdentityKID(&other, 7, "https://id.example", "alice") },
	} {
		if k, s := h(); k == kid || s == hash {
			t.Errorf("%s is not part of it", name)
		}
	}
}
