package policytest

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// keeper keeps what it must not: the test of the test.
type keeper struct {
	kept policy.Text
	fine string
}

func (k *keeper) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	k.kept, _ = x.Request().Header.Get(policy.UserAgent)
	k.fine = k.kept.Clone()
	return x.Next()
}

// stringKeeper keeps a string that is a view over the exchange's memory.
type stringKeeper struct{ seen []string }

func (k *stringKeeper) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	ua, _ := x.Request().Header.Get(policy.UserAgent)
	k.seen = append(k.seen, policy.EngineString(ua))
	return x.Next()
}

// good clones.
type good struct{ last string }

func (g *good) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	ua, _ := x.Request().Header.Get(policy.UserAgent)
	g.last = ua.Clone()
	return x.Next()
}

func descriptor(typ string, make func() policy.Policy) *policy.Descriptor {
	return &policy.Descriptor{Type: typ, New: func(json.RawMessage, policy.Deps) (policy.Policy, error) { return make(), nil }}
}

var agentCase = Case{Name: "agent", Steps: []Step{{
	Request: Request{Header: Fields{"User-Agent", "curl/8.5.0"}}, Want: Want{Forwarded: true},
}}}

// TestPoison: a policy that keeps a Text, or a string over one, is found; one
// that clones is not. The kit fails a test by calling it failed, so the bad ones
// run in a process of their own.
func TestPoison(t *testing.T) {
	if typ := os.Getenv("POLICYTEST_BAD"); typ != "" {
		d := descriptor(typ, func() policy.Policy { return &keeper{} })
		if typ == "string" {
			d = descriptor(typ, func() policy.Policy { return &stringKeeper{} })
		}
		play(t, d, &agentCase, drivers[2])
		return
	}
	for _, typ := range []string{"text", "string"} {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestPoison$")
		cmd.Env = append(os.Environ(), "POLICYTEST_BAD="+typ)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "keeps bytes of the message") {
			t.Errorf("%s: a kept Text is not found: %v\n%s", typ, err, out)
		}
	}
	play(t, descriptor("good", func() policy.Policy { return &good{} }), &agentCase, drivers[2])
}

// TestDriversAgree on what is sent and what comes back.
func TestDriversAgree(t *testing.T) {
	var all [][]*Result
	for _, d := range drivers {
		all = append(all, play(t, descriptor("good", func() policy.Policy { return &good{} }), &agentCase, d))
	}
	for _, r := range all[1:] {
		agree(t, all[0], r)
	}
	if got := all[0][0].Sent.Header; len(got) != 2 || got[1] != "curl/8.5.0" {
		t.Error(got)
	}
}
