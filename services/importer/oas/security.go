package oas

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/services/contract"
)

// scheme is a security scheme as policies.
type scheme struct {
	policies    []contract.Policy // the one that authenticates first
	why, advice string            // it can't be carried over
	told        bool              // the report has it as approximated
}

// authenticates are the policies that say who calls. Each of a route's lets callers
// in by itself.
var authenticates = []string{"api_key", "jwt", "basic", "mtls", "oidc_login", "introspection"}

func (s *scheme) kind() string {
	if len(s.policies) == 0 {
		return ""
	}
	return s.policies[0].Type
}

// scoped are the policies that take a list of scopes.
var scoped = []string{"api_key", "jwt", "introspection"}

// security gives a route the policies that its operation's security asks for, or
// makes it public where it asks for none.
func (w *walker) security(op *operation) {
	v, said := w.root["security"]
	at := "/security"
	if own, there := op.op["security"]; there {
		v, said, at = own, true, op.at+"/security"
	}
	if w.aws != nil {
		w.aws.auth(op)
	}
	if said && !requirements(v) {
		w.refuse(op, at, "it is no list of security requirements, so what it asks for can't be told", "write it as [{NAME: [SCOPE, …]}], or [] where everybody may call")
		return
	}
	asks := list(v)
	anonymous := slices.ContainsFunc(asks, func(e any) bool { return len(object(e)) == 0 })
	asks = slices.DeleteFunc(slices.Clone(asks), func(e any) bool { return len(object(e)) == 0 })
	if len(asks) == 0 {
		w.unsecured(op, said)
		return
	}
	if anonymous {
		w.approximated(at, op.title(), "its security may be left out: the gateway asks for it always", "say security: [] where everybody may call")
	}
	var chosen []*scheme
	for i, e := range asks {
		ask := object(e)
		place := at + contract.Pointer(i)
		if len(ask) > 1 {
			all, ok := w.together(ask)
			if !ok {
				w.refuse(op, place, "it asks for "+enumerate(slices.Sorted(maps.Keys(ask)))+" at once: a route takes one credential, so it would be less protected",
					"map all but one of them by the option schemes to policies that may stand beside it, such as ext_auth or ip_filter, or ask for one")
				return
			}
			chosen = append(chosen, all)
			continue
		}
		for name, scopes := range ask {
			s := w.scheme(name)
			if s.why != "" {
				w.refuse(op, place+contract.Pointer(name), "security scheme "+name+": "+s.why, s.advice)
				return
			}
			s, ok := s.withScopes(strs(scopes))
			if !ok {
				w.refuse(op, place+contract.Pointer(name), "the policy "+s.kind()+" knows no scopes", "ask for no scopes, or map the scheme to a policy that does by the option schemes")
				return
			}
			chosen = append(chosen, s)
		}
	}
	w.anyOf(op, at, chosen)
}

// requirements reports whether a value has the form of a document's security: a list of
// objects whose values are lists of texts.
func requirements(v any) bool {
	all, ok := v.([]any)
	if !ok {
		return false
	}
	for _, e := range all {
		ask, ok := e.(map[string]any)
		if !ok {
			return false
		}
		for _, scopes := range ask {
			if l, ok := scopes.([]any); !ok || len(strs(scopes)) != len(l) {
				return false
			}
		}
	}
	return true
}

// together takes schemes that are asked for at once, where one of them authenticates
// and the others only narrow who may call.
func (w *walker) together(ask map[string]any) (*scheme, bool) {
	all := &scheme{}
	for _, name := range slices.Sorted(maps.Keys(ask)) {
		s := w.scheme(name)
		if s.why != "" {
			return nil, false
		}
		s, ok := s.withScopes(strs(ask[name]))
		if !ok {
			return nil, false
		}
		if slices.Contains(authenticates, s.kind()) {
			if slices.Contains(authenticates, all.kind()) {
				return nil, false
			}
			all.policies = append(slices.Clone(s.policies), all.policies...)
			continue
		}
		all.policies = append(all.policies, s.policies...)
	}
	return all, true
}

// anyOf gives a route the policies of schemes of which each is enough.
func (w *walker) anyOf(op *operation, at string, all []*scheme) {
	var out []contract.Policy
	for i, s := range all {
		if len(all) > 1 && (len(s.policies) > 1 || !slices.Contains(authenticates, s.kind())) {
			w.refuse(op, at+contract.Pointer(i), "of several ways in one has a policy of its own ("+s.policies[len(s.policies)-1].Type+") that would hold for all of them", "make two operations of it, or ask for one way")
			return
		}
		for _, p := range s.policies {
			j := slices.IndexFunc(out, func(q contract.Policy) bool { return q.Type == p.Type })
			switch {
			case j < 0:
				out = append(out, p)
			case bytes.Equal(out[j].Config, p.Config):
			default:
				merged, ok := mergeKeys(out[j], p)
				if !ok {
					w.refuse(op, at+contract.Pointer(i), fmt.Sprintf("two of its ways in would both be the policy %s, each with a configuration of its own", p.Type),
						"map the schemes to one policy by the option schemes")
					return
				}
				out[j] = merged
			}
		}
	}
	for _, p := range w.present.Policies {
		own := slices.ContainsFunc(out, func(q contract.Policy) bool { return q.Type == p.Type })
		if slices.Contains(authenticates, p.Type) && !own {
			w.refuse(op, at, "the gateway's own policy "+p.Type+" would let callers in beside what the document asks for", "take it off the gateway, or map a scheme to it by the option schemes")
			return
		}
	}
	op.route.Policies = append(op.route.Policies, out...)
}

// mergeKeys makes one policy of two that take an API key in different places.
func mergeKeys(a, b contract.Policy) (contract.Policy, bool) {
	var x, y map[string]any
	if a.Type != "api_key" || json.Unmarshal(a.Config, &x) != nil || json.Unmarshal(b.Config, &y) != nil {
		return a, false
	}
	if !equalJSON(x["scopes"], y["scopes"]) {
		return a, false
	}
	if x["query_parameter"] != nil && y["query_parameter"] != nil && x["query_parameter"] != y["query_parameter"] {
		return a, false
	}
	if q := y["query_parameter"]; q != nil {
		x["query_parameter"] = q
	}
	x["bearer"] = x["bearer"] == true || y["bearer"] == true
	return policy("api_key", x), true
}

func equalJSON(a, b any) bool {
	x, err := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err == nil && err2 == nil && bytes.Equal(x, y)
}

// withScopes adds the scopes that an operation asks for.
func (s *scheme) withScopes(scopes []string) (*scheme, bool) {
	if len(scopes) == 0 {
		return s, true
	}
	if !slices.Contains(scoped, s.kind()) {
		return s, false
	}
	var config map[string]any
	if len(s.policies[0].Config) == 0 {
		config = map[string]any{}
	} else if json.Unmarshal(s.policies[0].Config, &config) != nil {
		return s, false
	}
	own := strs(config["scopes"])
	for _, name := range scopes {
		if !slices.Contains(own, name) {
			own = append(own, name)
		}
	}
	config["scopes"] = own
	out := &scheme{policies: slices.Clone(s.policies)}
	out.policies[0] = policy(s.kind(), config)
	return out, true
}

// unsecured is an operation that everybody may call. Where the document says nothing
// at all, the gateway's own policies go on to hold.
func (w *walker) unsecured(op *operation, said bool) {
	own := slices.IndexFunc(w.present.Policies, func(p contract.Policy) bool { return slices.Contains(authenticates, p.Type) })
	if !said && own >= 0 {
		w.approximated(op.at, op.title(), "it says nothing of security: the gateway's own policy "+w.present.Policies[own].Type+" holds", "say security: [] where everybody may call")
		return
	}
	if w.o.Unsecured == "refuse" {
		w.refuse(op, op.at, "it asks for no security, and the option unsecured refuses that", "give it security, or the document as a whole")
		return
	}
	op.route.Public = true
	w.approximated(op.at, op.title(), "it asks for no security: everybody may call its route", "give it security, or import with unsecured: refuse")
}

// scheme is a security scheme of the document, looked at once.
func (w *walker) scheme(name string) *scheme {
	if s := w.schemes[name]; s != nil {
		return s
	}
	at := contract.Pointer("components", "securitySchemes", name)
	m := object(object(object(w.root["components"])["securitySchemes"])[name])
	s := w.mapScheme(name, m, at)
	w.schemes[name] = s
	if s.why == "" && !s.told {
		w.taken(at, "the security scheme "+name+" → policy "+s.kind())
	}
	return s
}

func (w *walker) mapScheme(name string, m map[string]any, at string) *scheme {
	if p, ok := w.o.Schemes[name]; ok {
		return w.mapped(p)
	}
	if v, there := m["x-tollgate-policy"]; there {
		p, err := recode[contract.Policy](v)
		if err != nil {
			return &scheme{why: "x-tollgate-policy can't be read: " + err.Error()}
		}
		return w.mapped(p)
	}
	if w.aws != nil {
		if s := w.aws.scheme(name, m, at); s != nil {
			return s
		}
	}
	need := "say by the option schemes which policy it is, such as {" + fmt.Sprintf("%q", name) + `: {"type": "jwt", "config": {"issuer": …, "audiences": […]}}}`
	switch typ := str(m["type"]); typ {
	case "apiKey":
		return w.keyScheme(name, m, at)
	case "http":
		switch strings.ToLower(str(m["scheme"])) {
		case "basic":
			return &scheme{why: "the document does not say who the users are", advice: "say by the option schemes: {" + fmt.Sprintf("%q", name) + `: {"type": "basic", "config": {"users": {"alice": {"secret": …}}}}}`}
		case "bearer":
			return &scheme{why: "the document does not say who issues the tokens", advice: need}
		}
		return &scheme{why: "the gateway does not know the HTTP authentication " + str(m["scheme"]), advice: need}
	case "oauth2":
		return &scheme{why: "the document does not say who issues the tokens, and for whom", advice: need}
	case "openIdConnect":
		issuer, ok := strings.CutSuffix(str(m["openIdConnectUrl"]), "/.well-known/openid-configuration")
		if !ok {
			return &scheme{why: "its issuer can't be told from openIdConnectUrl", advice: need}
		}
		return &scheme{why: "the document does not say for whom the tokens of " + issuer + " are (audiences)", advice: need}
	case "mutualTLS":
		return &scheme{policies: []contract.Policy{policy("mtls", nil)}}
	default:
		return &scheme{why: fmt.Sprintf("its type %q is not known", typ)}
	}
}

// mapped is a scheme whose policy was named.
func (w *walker) mapped(p contract.Policy) *scheme {
	if p.Type == "" {
		return &scheme{why: "the policy for it has no type"}
	}
	if !slices.Contains(append([]string{"ext_auth", "ip_filter", "acl"}, authenticates...), p.Type) {
		return &scheme{why: "the policy " + p.Type + " protects nothing", advice: "map it to one of " + strings.Join(authenticates, ", ") + ", ext_auth, ip_filter, acl"}
	}
	return &scheme{policies: []contract.Policy{p}}
}

// keyScheme is an API key: the gateway issues keys of its own.
func (w *walker) keyScheme(name string, m map[string]any, at string) *scheme {
	config, told := map[string]any{"bearer": false}, false
	field := str(m["name"])
	switch in := str(m["in"]); {
	case in == "query":
		config["query_parameter"] = field
	case in == "header" && strings.EqualFold(field, "X-API-Key"):
	case in == "header" && strings.EqualFold(field, "Authorization"):
		delete(config, "bearer")
		told = true
		w.approximated(at, "the security scheme "+name, "keys come as Authorization: Bearer …, or in X-API-Key", "tell your callers")
	default:
		told = true
		w.approximated(at, "the security scheme "+name, fmt.Sprintf("keys come in X-API-Key, not in the %s %s", in, field), "tell your callers")
	}
	return &scheme{policies: []contract.Policy{policy("api_key", config)}, told: told}
}

func recode[T any](v any) (out T, err error) {
	b, err := json.Marshal(v)
	if err != nil {
		return out, err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	err = dec.Decode(&out)
	return out, err
}

func enumerate(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
