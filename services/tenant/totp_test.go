package tenant

import (
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

// TestCodes holds the codes against RFC 6238, appendix B (SHA-1, last six digits).
func TestCodes(t *testing.T) {
	t.Parallel()
	const secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" // "12345678901234567890"
	for at, code := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		now := time.Unix(at, 0)
		got, err := matchStep(secret, code, now, 0)
		if err != nil || got != step(now) {
			t.Errorf("code %s at %d is of step %d, %v", code, at, got, err)
		}
	}
}

func TestStepsWorkOnceAndAreNear(t *testing.T) {
	t.Parallel()
	const secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	now := time.Unix(1_700_000_000, 0)
	at := func(d time.Duration) string {
		c, err := totp.GenerateCode(secret, now.Add(d))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for d, ok := range map[time.Duration]bool{0: true, -30 * time.Second: true, 30 * time.Second: true, -61 * time.Second: false, 61 * time.Second: false} {
		got, err := matchStep(secret, at(d), now, 0)
		if err != nil || (got != 0) != ok {
			t.Errorf("a code %s away: step %d, %v", d, got, err)
		}
	}
	used, err := matchStep(secret, at(0), now, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []time.Duration{0, -30 * time.Second} {
		if got, err := matchStep(secret, at(d), now, used); got != 0 || err != nil {
			t.Errorf("a code %s away works after a newer one: %d, %v", d, got, err)
		}
	}
	for _, code := range []string{"", "1", "12345", "1234567", "abcdef", "００００００"} {
		if got, err := matchStep(secret, code, now, 0); got != 0 || err != nil {
			t.Errorf("code %q is of step %d, %v", code, got, err)
		}
	}
}

func TestRecoveryCodes(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 100 {
		for _, c := range newRecoveryCodes() {
			if len(c) != recoverySize+1 || strings.ContainsAny(c, "l1o0") || seen[c] || plainCode(" "+strings.ToUpper(c)) != strings.ReplaceAll(c, "-", "") {
				t.Fatalf("code %q", c)
			}
			seen[c] = true
		}
	}
	s := &Service{linkKey: [32]byte{1}}
	if string(s.recoveryHash("a", "abcde-fghij")) == string(s.recoveryHash("b", "abcde-fghij")) {
		t.Error("one code is the same for two users")
	}
}
