package apikey

import (
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

func TestStatus(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for want, keys := range map[string][]Key{
		StatusActive:  {{State: contract.KeyActive}, {State: contract.KeyActive, Expires: now.Add(1)}, {State: contract.KeyActive, NotBefore: now}},
		StatusExpired: {{State: contract.KeyActive, Expires: now}, {State: contract.KeyActive, Expires: now.Add(-1), NotBefore: now.Add(1)}},
		StatusPending: {{State: contract.KeyActive, NotBefore: now.Add(1)}},
		StatusRevoked: {{State: contract.KeyRevoked}, {State: contract.KeyRevoked, Expires: now.Add(-1)}},
		StatusDeleted: {{State: contract.KeyDeleted}},
	} {
		for _, k := range keys {
			if got := k.Status(now); got != want {
				t.Errorf("%+v is %s, want %s", k, got, want)
			}
		}
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	for _, kid := range []uint64{0, 1, 839299365868340223} { // 62^10 - 1
		if got, err := ParseID(ID(kid)); err != nil || got != kid {
			t.Errorf("%d became %d, %v", kid, got, err)
		}
	}
	for _, id := range []string{"", "key_", "key_short", "key_00000000001", "con_0000000001", "key_000000000-"} {
		if _, err := ParseID(id); core.CodeOf(err) != core.CodeNotFound {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestKIDRange(t *testing.T) {
	t.Parallel()
	kid := uint64(839299365868340223 / 3)
	text := contract.FormatKID(kid)
	for _, q := range []string{text, text[:1], text[:5], "key_" + text, "tg_live_" + text[:7], "tg_test_" + text + "_secretsecret"} {
		if from, to := kidRange(kidText(q)); kid < from || kid > to {
			t.Errorf("%q is %d to %d, which leaves %d out", q, from, to, kid)
		}
	}
	if from, to := kidRange(text[:9]); to-from != 61 {
		t.Errorf("9 digits leave %d kids", to-from+1)
	}
	for _, q := range []string{"", "acme corp", "00000000001", "tg_live_"} {
		if from, to := kidRange(kidText(q)); from != 0 || to != 0 {
			t.Errorf("%q is %d to %d", q, from, to)
		}
	}
}

func TestScopesFitARecord(t *testing.T) {
	t.Parallel()
	if errs := checkScopes([]string{"read", "write:orders", "https://example.com/x"}); len(errs) > 0 {
		t.Error(errs)
	}
	long := make([]string, 12)
	for i := range long {
		long[i] = strings.Repeat("s", 100)
	}
	if errs := checkScopes(long); len(errs) != 1 || errs[0].Pointer != "/scopes" {
		t.Error(errs)
	}
	r := contract.KeyRecord{Scopes: long[:10]}
	root, err := contract.NewRootKeys(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	if errs := checkScopes(r.Scopes); len(errs) > 0 {
		t.Error(errs)
	}
	if _, err := r.Encode(&root.Edge); err != nil {
		t.Errorf("scopes that are allowed don't fit a record: %v", err)
	}
}
