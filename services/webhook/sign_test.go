package webhook_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/webhook"
)

// TestSignature is the vector of the Standard Webhooks specification's libraries.
func TestSignature(t *testing.T) {
	t.Parallel()
	const secret, id, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", `{"test": 2432232314}`
	got, err := webhook.Sign(secret, id, time.Unix(1614265330, 0), []byte(body))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want || err != nil {
		t.Errorf("signature %s, %v, want %s", got, err, want)
	}
	for _, bad := range []string{"", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!"} {
		if _, err := webhook.Sign(bad, id, time.Unix(1614265330, 0), []byte(body)); err == nil {
			t.Errorf("signed by the secret %q", bad)
		}
	}
}

// verify checks a message as a receiver does, and returns how many of its signatures
// are by the secret.
func verify(t *testing.T, secret string, m message) int {
	t.Helper()
	var unix int64
	for _, c := range m.header.Get(webhook.HeaderTimestamp) {
		unix = unix*10 + int64(c-'0')
	}
	want, err := webhook.Sign(secret, m.header.Get(webhook.HeaderID), time.Unix(unix, 0), m.raw)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for one := range strings.SplitSeq(m.header.Get(webhook.HeaderSignature), " ") {
		if one == want {
			n++
		}
	}
	return n
}

func checkSecret(t *testing.T, secret string) {
	t.Helper()
	text, ok := strings.CutPrefix(secret, webhook.SecretPrefix)
	key, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(key) != 24 {
		t.Errorf("the secret %q is not whsec_ and the base64 of 24 bytes", secret)
	}
}
