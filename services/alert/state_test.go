package alert_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/alert"
	"github.com/tollgate/tollgate/services/contract"
)

var t0 = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// play gives an alert readings 10 s apart and returns its transitions, each with
// the number of the reading that made it.
func play(r alert.Rule, readings ...alert.Figure) string {
	s := alert.State{Status: alert.StatusOK, Since: t0}
	var out []string
	for i, f := range readings {
		var transition string
		s, transition = alert.Next(&r, s, f, t0.Add(time.Duration(i)*10*time.Second))
		if transition != "" {
			out = append(out, fmt.Sprint(transition, "@", i))
		}
	}
	return strings.Join(append(out, s.Status), " ")
}

func values(vs ...float64) (out []alert.Figure) {
	for _, v := range vs {
		out = append(out, alert.Figure{Value: v, Known: v >= 0})
	}
	return out
}

func TestNext(t *testing.T) {
	t.Parallel()
	rate := alert.Rule{Kind: alert.KindErrorRate, Threshold: 10}
	slow := rate
	slow.For, slow.ClearFor = contract.Duration(20*time.Second), contract.Duration(20*time.Second)
	silent := alert.Rule{Kind: alert.KindNoTraffic, Threshold: 5}
	off := rate
	off.Enabled = new(false)
	gone := alert.Figure{Gone: "deleted"}
	ends := alert.Rule{Kind: alert.KindCertificate, Threshold: 14}
	broken := alert.Figure{Value: 60, Known: true, Broken: "can't be renewed"}
	shipping := alert.Rule{Kind: alert.KindTelemetry, Threshold: 15}
	for name, c := range map[string]struct {
		rule alert.Rule
		in   []alert.Figure
		want string
	}{
		"never over":                        {rate, values(0, 9.9, 3), "ok"},
		"over at once":                      {rate, values(1, 10, 12, 8), "firing@1 resolved@3 ok"},
		"between the thresholds it stays":   {rate, values(11, 9.5, 9, 9.5, 8.9), "firing@0 resolved@4 ok"},
		"pending first":                     {slow, values(11, 11, 11, 11), "firing@2 firing"},
		"a short peak does not fire":        {slow, values(11, 11, 1, 11, 11, 1), "ok"},
		"a short dip does not end it":       {slow, values(11, 11, 11, 1, 11, 1, 1, 11, 1, 1, 1), "firing@2 resolved@10 ok"},
		"too few requests are not over":     {slow, values(-1, -1, -1), "ok"},
		"too few requests end it":           {rate, values(11, -1), "firing@0 resolved@1 ok"},
		"silence":                           {silent, values(9, 4, 4, 5), "firing@1 resolved@3 ok"},
		"silence that nobody can know of":   {silent, values(9, -1, -1), "ok"},
		"not knowing does not end silence":  {silent, values(4, -1, 4), "firing@0 firing"},
		"what is gone is over":              {rate, append(values(11), gone, gone), "firing@0 resolved@1 unknown"},
		"what comes back may fire again":    {rate, append(append(values(11), gone), values(11)...), "firing@0 resolved@1 firing@2 firing"},
		"a certificate that ends":           {ends, values(15, 13.9, 13, 90), "firing@1 resolved@3 ok"},
		"a renewal that fails":              {ends, append(append(values(60), broken, broken), values(60)...), "firing@1 resolved@3 ok"},
		"a first order that fails":          {ends, []alert.Figure{{Broken: "no certificate"}, {}}, "firing@0 resolved@1 ok"},
		"no certificate at all":             {ends, []alert.Figure{{}, {}}, "ok"},
		"a destination that fails":          {shipping, values(0, 14, 16, 0), "firing@2 resolved@3 ok"},
		"switched off":                      {off, values(50), "disabled"},
		"a threshold of its own to clear":   {alert.Rule{Kind: alert.KindLatency, Threshold: 100, ClearThreshold: new(50.0)}, values(100, 60, 49), "firing@0 resolved@2 ok"},
		"thresholds at the same place hold": {alert.Rule{Kind: alert.KindQuota, Threshold: 80, ClearThreshold: new(80.0)}, values(80, 79.9, 80), "firing@0 resolved@1 firing@2 firing"},
	} {
		if got := play(c.rule, c.in...); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestNextNeverFlaps plays random figures: an alert never fires sooner than `for`
// after it was over, never ends sooner than `clear_for` after it fired last, and
// its transitions take turns.
func TestNextNeverFlaps(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 5))
	r := alert.Rule{Kind: alert.KindErrorRate, Threshold: 50, For: contract.Duration(30 * time.Second), ClearFor: contract.Duration(time.Minute)}
	s := alert.State{Status: alert.StatusOK, Since: t0}
	last, at, over, under := alert.TransitionResolved, t0, t0, t0
	transitions := 0
	for i := range 50_000 {
		now := t0.Add(time.Duration(i) * 5 * time.Second)
		f := alert.Figure{Value: rng.Float64() * 100, Known: rng.IntN(9) > 0}
		if rng.IntN(3) > 0 {
			f.Value = s.Value // it often stays where it is
		}
		if !f.Known || f.Value < 50 {
			over = now
		}
		if f.Known && f.Value >= 45 {
			under = now
		}
		var transition string
		s, transition = alert.Next(&r, s, f, now)
		if transition == "" {
			continue
		}
		transitions++
		if transition == last || int(s.Seq) != transitions {
			t.Fatalf("%d: %s after %s, number %d", i, transition, last, s.Seq)
		}
		if transition == alert.TransitionFiring && now.Sub(over) < 30*time.Second || transition == alert.TransitionResolved && now.Sub(under) < time.Minute {
			t.Fatalf("%d: %s %s after the last", i, transition, now.Sub(at))
		}
		last, at = transition, now
	}
	if transitions < 100 {
		t.Errorf("only %d transitions", transitions)
	}
}

func TestSign(t *testing.T) {
	t.Parallel()
	// The receivers' side, as the documentation tells it: openssl dgst -sha256 -hmac.
	const want = "t=1700000000,v1="
	got := alert.Sign([]byte("secret"), time.Unix(1700000000, 0), []byte(`{"a":1}`))
	if !strings.HasPrefix(got, want) || len(got) != len(want)+64 {
		t.Errorf("%s", got)
	}
	if got == alert.Sign([]byte("secret"), time.Unix(1700000001, 0), []byte(`{"a":1}`)) {
		t.Error("the time is not signed")
	}
	if got == alert.Sign([]byte("other"), time.Unix(1700000000, 0), []byte(`{"a":1}`)) || got == alert.Sign([]byte("secret"), time.Unix(1700000000, 0), []byte(`{"a":2}`)) {
		t.Error("the key or the body is not signed")
	}
}
