package offline

import (
	"encoding/json"
	"errors"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/publish"
)

// Problem is what is wrong at a place of a configuration, a JSON pointer into it.
type Problem struct{ Pointer, Detail string }

// Check checks one gateway's configuration. Secrets are names that exist; private says
// whether upstreams may have private and loopback addresses.
func Check(name string, config json.RawMessage, secrets []string, private bool) []Problem {
	var in gateway.Plan
	if err := contract.DecodeStrict(config, &in.Config); err != nil {
		return problems(core.Invalid(err), "")
	}
	in.Gateway, in.Secrets = name, secrets
	return problems(gateway.CheckOffline(&publish.Checker{Guard: match.Guard{AllowPrivate: private}}, in), "/config")
}

// problems are an error's fields, without what stands before their pointers.
func problems(err error, before string) []Problem {
	var known *core.Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &known):
		return []Problem{{"", err.Error()}}
	case len(known.Fields) == 0:
		return []Problem{{"", known.Detail}}
	}
	out := make([]Problem, len(known.Fields))
	for i, f := range known.Fields {
		out[i] = Problem{f.Pointer[min(len(before), len(f.Pointer)):], f.Detail}
	}
	return out
}

// consumer is one as documents have it.
type consumer struct {
	Name       string          `json:"name"`
	UsagePlan  string          `json:"usage_plan"`
	Metadata   json.RawMessage `json:"metadata"`
	Identities []struct {
		Issuer  string `json:"issuer"`
		Subject string `json:"subject"`
	} `json:"identities"`
}

// CheckConsumer checks one consumer, and returns its usage plan's name, empty for none.
// Pointers are into it.
func CheckConsumer(raw json.RawMessage) (plan string, wrong []Problem) {
	var c consumer
	if err := contract.DecodeStrict(raw, &c); err != nil {
		return "", problems(core.Invalid(err), "")
	}
	in := gateway.PutConsumer{Name: c.Name, UsagePlan: c.UsagePlan, Metadata: c.Metadata}
	for _, i := range c.Identities {
		in.Identities = append(in.Identities, gateway.Identity{Issuer: i.Issuer, Subject: i.Subject})
	}
	return c.UsagePlan, problems(gateway.CheckConsumer(in), "")
}
