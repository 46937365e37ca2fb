package oas

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/importer"
)

const (
	amazonPrefix = "x-amazon-apigateway-"
	anyMethod    = amazonPrefix + "any-method"
	integration  = amazonPrefix + "integration"
)

// awsDocument is what a document of Amazon API Gateway says for all its operations.
type awsDocument struct {
	*walker
	binary    []string
	compress  any // the smallest body, nil: nothing is compressed
	ipFilter  *contract.Policy
	cors      *contract.Policy
	errors    *contract.Policy
	validator string // name of the document's
}

// amazon looks whether a document is one of Amazon API Gateway, and reads what stands
// at its root.
func (w *walker) amazon() {
	if !w.ofAmazon() {
		return
	}
	a := &awsDocument{walker: w}
	w.aws = a
	for _, name := range slices.Sorted(maps.Keys(w.root)) {
		if rest, ok := strings.CutPrefix(name, amazonPrefix); ok {
			a.atRoot(rest, w.root[name], contract.Pointer(name))
		}
	}
	a.below("components", object(w.root["components"]))
	for i, tag := range list(w.root["tags"]) {
		a.below(strings.TrimPrefix(contract.Pointer("tags", i), "/"), object(tag))
	}
}

// ofAmazon reports whether the document has an extension of Amazon API Gateway.
func (d *document) ofAmazon() bool {
	found := hasAmazon(d.root) || hasAmazon(object(d.root["components"]))
	for _, all := range []any{object(d.root["components"])["securitySchemes"], d.root["securityDefinitions"]} {
		for _, v := range object(all) {
			found = found || hasAmazon(object(v))
		}
	}
	d.eachPath(func(_ string, _ string, item map[string]any) {
		found = found || hasAmazon(item)
		for _, v := range item {
			if op, ok := v.(map[string]any); ok {
				found = found || hasAmazon(op)
			}
		}
	})
	return found
}

// below reads the extensions of a part of the document that is no operation.
func (a *awsDocument) below(place string, m map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if rest, ok := strings.CutPrefix(name, amazonPrefix); ok {
			a.atRoot(rest, m[name], "/"+place+contract.Pointer(name))
		}
	}
}

func hasAmazon(m map[string]any) bool {
	for name := range m {
		if strings.HasPrefix(name, amazonPrefix) {
			return true
		}
	}
	return false
}

// eachPath calls fn for every path, those with an open end included.
func (d *document) eachPath(fn func(path, at string, item map[string]any)) {
	all := maps.Clone(object(d.root["paths"]))
	if all == nil {
		all = map[string]any{}
	}
	maps.Copy(all, d.open)
	for _, path := range slices.Sorted(maps.Keys(all)) {
		if item := object(all[path]); item != nil {
			fn(path, contract.Pointer("paths", path), item)
		}
	}
}

// anyMethods are the operations that OpenAPI has no form for: those of every method,
// and all of paths with an open end.
func (w *walker) anyMethods() (out []*operation) {
	w.eachPath(func(path, at string, item map[string]any) {
		if op := object(item[anyMethod]); op != nil {
			o := &operation{path: path, at: at + contract.Pointer(anyMethod), item: item, op: op}
			if op["isDefaultRoute"] == true || path == "/$default" {
				o.path = "/*"
			}
			out = append(out, o)
		}
		if w.open[path] == nil {
			return
		}
		for _, name := range slices.Sorted(maps.Keys(item)) {
			if op := object(item[name]); op != nil && slices.Contains(methodsOfPaths, name) {
				out = append(out, &operation{path: path, method: name, at: at + contract.Pointer(name), item: item, op: op})
			}
		}
	})
	return out
}

var methodsOfPaths = []string{"get", "put", "post", "delete", "options", "head", "patch"}

func (a *awsDocument) atRoot(name string, v any, at string) {
	what := amazonPrefix + name
	switch name {
	case "api-key-source":
		if str(v) == "HEADER" || str(v) == "" {
			a.taken(at, what+" → policy api_key")
			return
		}
		a.refused(at, what, "keys that a Lambda authorizer gives (usageIdentifierKey) are not known here", "take keys from the header, or sign callers in by a policy such as jwt")
	case "binary-media-types":
		a.binary = strs(v)
		a.taken(at, what+" → binary_media_types of lambda integrations")
	case "minimum-compression-size":
		a.compress = v
		a.taken(at, what+" → policy compress")
	case "request-validator":
		a.validator = str(v)
		a.taken(at, what+" → policy validate_request")
	case "request-validators":
		a.taken(at, what+" → policy validate_request")
	case "gateway-responses":
		a.gatewayResponses(object(v), at)
	case "cors":
		a.corsPolicy(object(v), at)
	case "policy":
		a.resourcePolicy(object(v), at)
	case "endpoint-configuration", "endpoint-access-mode":
		a.approximated(at, what, "where the API is reached in the AWS account says nothing here", "choose the gateway's host names")
	case "documentation", "importexport-version", "tag-value":
		a.taken(at, what+" → kept in the gateway's document")
	case "integrations":
		a.taken(at, what+" → the operations that refer to them")
	default:
		a.refused(at, what, "the extension is not known", "")
	}
}

// validation says how an operation's requests are held to the document: at AWS only
// where a validator says so. formless says that OpenAPI has no form for the operation, so
// that the gateway's document can't have it.
func (a *awsDocument) validation(op *operation, mode string, described, formless bool) string {
	name := a.validator
	at := op.at
	if v, there := op.op[amazonPrefix+"request-validator"]; there {
		name, at = str(v), op.at+contract.Pointer(amazonPrefix+"request-validator")
	}
	if name == "" {
		return "off"
	}
	v := object(object(a.root[amazonPrefix+"request-validators"])[name])
	switch body, params := v["validateRequestBody"] == true, v["validateRequestParameters"] == true; {
	case v == nil:
		a.refuse(op, at, "the document has no request validator "+name, "")
		return "off"
	case !body && !params:
		return "off"
	case !described:
		a.taken(at, "the request validator "+name+": "+op.title()+" describes neither parameters nor a body")
	case formless:
		a.approximated(at, op.title(), "the validator "+name+" is not taken over: nothing is validated where a route takes every method or an open end", "write the operation for each method and path that is to be validated")
	case body != params:
		a.approximated(at, op.title(), "the validator "+name+" looks at body or parameters alone: both are validated", "")
	default:
		a.taken(at, "the request validator "+name+" → policy validate_request")
	}
	return mode
}

// auth refuses what an operation asks for beside its security.
func (a *awsDocument) auth(op *operation) {
	at := op.at + contract.Pointer(amazonPrefix+"auth")
	switch typ := str(object(op.op[amazonPrefix+"auth"])["type"]); typ {
	case "":
	case "NONE":
		a.taken(at, amazonPrefix+"auth of "+op.title())
	default:
		a.refuse(op, at, "callers sign with AWS credentials ("+typ+"), which the gateway does not verify", "sign callers in by a policy such as jwt or api_key")
	}
	if asks := list(op.op["security"]); len(asks) > 1 {
		a.refuse(op, op.at+"/security", "AWS asks for all of several security requirements, OpenAPI for one of them", "write them into one requirement, or ask for one")
	}
}

// scheme maps an authorizer, and tells what became of its extensions; nil: it is a
// scheme of OpenAPI alone.
func (a *awsDocument) scheme(name string, m map[string]any, at string) *scheme {
	s := a.authorizer(name, m)
	for _, field := range []string{"authorizer", "authtype"} {
		place := at + contract.Pointer(amazonPrefix+field)
		switch {
		case s == nil || m[amazonPrefix+field] == nil:
		case s.why != "":
			a.approximated(place, "the authorizer "+name, s.why+": operations that ask for it are refused", s.advice)
		default:
			a.taken(place, "the authorizer "+name+" → policy "+s.kind())
		}
	}
	return s
}

func (a *awsDocument) authorizer(name string, m map[string]any) *scheme {
	authorizer := object(m[amazonPrefix+"authorizer"])
	kind := str(m[amazonPrefix+"authtype"])
	byOption := `say by the option schemes which policy it is: {"` + name + `": {"type": "jwt", "config": …}}, or ext_auth for a service of yours`
	switch typ := str(authorizer["type"]); {
	case kind == "awsSigv4":
		return &scheme{why: "callers sign with AWS credentials, which the gateway does not verify", advice: byOption}
	case authorizer == nil && kind == "":
		return nil
	case typ == "jwt":
		c := object(authorizer["jwtConfiguration"])
		issuer, audiences := str(c["issuer"]), strs(c["audience"])
		for _, v := range append([]string{issuer}, audiences...) {
			if m := substitution.FindString(v); m != "" {
				return &scheme{why: "nobody said what " + m + " is", advice: byOption}
			}
		}
		if issuer == "" || len(audiences) == 0 {
			return &scheme{why: "its jwtConfiguration lacks issuer or audience", advice: byOption}
		}
		if src := text(authorizer["identitySource"]); src != "" && src != "$request.header.Authorization" {
			return &scheme{why: "tokens come from " + src + ", and the gateway takes them from Authorization alone", advice: byOption}
		}
		return &scheme{policies: []contract.Policy{policy("jwt", map[string]any{"issuer": issuer, "audiences": audiences, "algorithms": []string{"RS256", "RS384", "RS512"}})}}
	case typ == "cognito_user_pools" || kind == "cognito_user_pools":
		return &scheme{why: "the document does not say which clients of the user pool may call (audiences); the issuer is " + cognitoIssuer(strs(authorizer["providerARNs"])), advice: byOption}
	case typ == "token" || typ == "request":
		return &scheme{why: "a Lambda function decides who may call, and the gateway calls no authorizer of this kind", advice: byOption}
	}
	return &scheme{why: fmt.Sprintf("the authorizer's type %q is not known", str(authorizer["type"])), advice: byOption}
}

// cognitoIssuer is the issuer of a user pool
// (arn:aws:cognito-idp:REGION:ACCOUNT:userpool/ID).
func cognitoIssuer(arns []string) string {
	if len(arns) == 1 {
		p := strings.Split(arns[0], ":")
		if len(p) == 6 && strings.HasPrefix(p[5], "userpool/") {
			return "https://cognito-idp." + p[3] + ".amazonaws.com/" + strings.TrimPrefix(p[5], "userpool/")
		}
	}
	return "unknown"
}

// gatewayResponses takes over the form that AWS documents give errors by themselves;
// others are approximated: the status stays ours.
func (a *awsDocument) gatewayResponses(all map[string]any, at string) {
	a.taken(at, amazonPrefix+"gateway-responses, each by itself")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		r, place := object(all[name]), at+contract.Pointer(name)
		template := str(object(r["responseTemplates"])["application/json"])
		plain := strings.Join(strings.Fields(template), "") == `{"message":$context.error.messageString}`
		if (name == "DEFAULT_4XX" || name == "DEFAULT_5XX") && (template == "" || plain) && len(object(r["responseParameters"])) == 0 && r["statusCode"] == nil {
			p := policy("error_pages", map[string]any{"json": map[string]any{"message": "{title}"}, "default": "json"})
			a.errors = &p
			a.taken(place, "the gateway response "+name+" → policy error_pages")
			continue
		}
		a.approximated(place, "the gateway response "+name, "errors of the gateway keep their own status, fields and form", "shape them by the policy error_pages")
	}
}

func (a *awsDocument) corsPolicy(v map[string]any, at string) {
	config := map[string]any{}
	for from, to := range map[string]string{"allowOrigins": "allow_origins", "allowMethods": "allow_methods", "allowHeaders": "allow_headers", "exposeHeaders": "expose_headers"} {
		if l := strs(v[from]); len(l) > 0 {
			config[to] = l
		}
	}
	if slices.Equal(strs(v["allowMethods"]), []string{"*"}) {
		config["allow_methods"] = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
		a.approximated(at+"/allowMethods", amazonPrefix+"cors", "* stands for the common methods", "")
	}
	if v["allowCredentials"] == true {
		config["allow_credentials"] = true
	}
	if age := text(v["maxAge"]); age != "" {
		config["max_age"] = age + "s"
	}
	p := policy("cors", config)
	a.cors = &p
	a.taken(at, amazonPrefix+"cors → policy cors")
}

// resourcePolicy takes over who may call by address; all else is refused, since
// leaving it out would let more callers in.
func (a *awsDocument) resourcePolicy(v map[string]any, at string) {
	var allow, deny []string
	allowed, narrowed := false, false // narrowed: allow are those that a denial leaves
	for i, e := range statements(v["Statement"]) {
		s, place := object(e), at+contract.Pointer("Statement", i)
		operator, addresses, ok := conditionOf(s["Condition"])
		everybody := s["Principal"] == "*" || str(object(s["Principal"])["AWS"]) == "*"
		effect := str(s["Effect"])
		allowed = allowed || effect == "Allow"
		switch {
		case !everybody || !wholeAPI(s["Resource"]) || s["Action"] != "execute-api:Invoke":
			a.refused(place, amazonPrefix+"policy", "a statement for some callers or some resources can't be carried over", "protect the routes by policies such as ip_filter, jwt or acl")
		case !ok:
			a.refused(place, amazonPrefix+"policy", "its condition can't be carried over: only addresses (aws:SourceIp) can", "protect the routes by policies such as ip_filter, jwt or acl")
		case effect == "Allow" && operator == "":
			a.taken(place, "a statement that allows everybody")
		case effect == "Deny" && operator == "IpAddress":
			deny = append(deny, addresses...)
			a.taken(place, "a statement that denies addresses → policy ip_filter")
		case effect == "Allow" && operator == "IpAddress" && !narrowed:
			allow = append(allow, addresses...)
			a.taken(place, "a statement that allows addresses → policy ip_filter")
		case effect == "Deny" && operator == "NotIpAddress" && allow == nil:
			allow, narrowed = addresses, true
			a.taken(place, "a statement that denies other addresses → policy ip_filter")
		case operator != "":
			a.refused(place, amazonPrefix+"policy", "callers must be among the addresses of several statements at once, and the policy ip_filter has one list", "write one statement that allows the addresses which all of them leave")
		default:
			a.refused(place, amazonPrefix+"policy", "it denies everybody, or its effect is not known", "")
		}
	}
	if !allowed {
		a.refused(at, amazonPrefix+"policy", "no statement allows anybody, so AWS answers nobody", "write the policy as an object with a statement that allows callers")
	}
	config := map[string]any{}
	if len(allow) > 0 {
		config["allow"] = allow
	}
	if len(deny) > 0 {
		config["deny"] = deny
	}
	if len(config) > 0 {
		p := policy("ip_filter", config)
		a.ipFilter = &p
	}
}

// conditionOf reads the condition of a statement: none, or one operator on aws:SourceIp
// alone.
func conditionOf(v any) (operator string, addresses []string, ok bool) {
	all, isObject := v.(map[string]any)
	if v == nil || isObject && len(all) == 0 {
		return "", nil, true
	}
	for operator = range all {
	}
	on := object(all[operator])
	if len(all) != 1 || len(on) != 1 || operator != "IpAddress" && operator != "NotIpAddress" {
		return "", nil, false
	}
	addresses = strs(on["aws:SourceIp"])
	if one := str(on["aws:SourceIp"]); one != "" {
		addresses = []string{one}
	} else if len(addresses) != len(list(on["aws:SourceIp"])) {
		return "", nil, false
	}
	return operator, addresses, len(addresses) > 0
}

func statements(v any) []any {
	if m, ok := v.(map[string]any); ok {
		return []any{m}
	}
	return list(v)
}

func wholeAPI(v any) bool {
	all := strs(v)
	if s := str(v); s != "" {
		all = []string{s}
	}
	for _, s := range all {
		if s != "*" && s != "execute-api:/*" && s != "execute-api:/*/*/*" && !strings.HasSuffix(s, ":*/*/*/*") && !strings.HasSuffix(s, "/*/*/*") {
			return false
		}
	}
	return len(all) > 0
}

// ofAll gives a route the policies that hold for the whole API.
func (a *awsDocument) ofAll(op *operation) {
	var front []contract.Policy
	for _, p := range []*contract.Policy{a.ipFilter, a.cors, a.errors} {
		if p != nil {
			front = append(front, *p)
		}
	}
	op.route.Policies = append(front, op.route.Policies...)
	if a.compress != nil {
		op.add("compress", map[string]any{"min_bytes": a.compress})
	}
}

// unknownFields tells of the extensions of an operation that nothing looked at.
func (a *awsDocument) unknownFields(op *operation) {
	for _, name := range slices.Sorted(maps.Keys(op.op)) {
		rest, ok := strings.CutPrefix(name, amazonPrefix)
		if !ok {
			continue
		}
		at := op.at + contract.Pointer(name)
		switch rest {
		case "integration", "request-validator", "auth":
		case "documentation", "tag-value", "importexport-version":
			a.taken(at, name+" → kept in the gateway's document")
		default:
			a.add(importer.Refused, at, name, "the extension is not known", "")
		}
	}
}
