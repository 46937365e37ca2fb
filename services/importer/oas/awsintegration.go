package oas

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// integrate gives a route the integration that its operation says. It reports false
// where there is none: the operation is like one of any other document.
func (a *awsDocument) integrate(op *operation, b base) bool {
	at := op.at + contract.Pointer(integration)
	v, there := op.op[integration]
	a.unknownFields(op)
	a.ofAll(op)
	if !there {
		return false
	}
	i := a.deref(v)
	if i == nil {
		a.refuse(op, at, "the integration can't be read: it is an object, or a reference to one of x-amazon-apigateway-integrations", "")
		return true
	}
	a.common(op, i, at)
	typ := strings.ToLower(strings.ReplaceAll(str(i["type"]), "-", "_"))
	switch {
	case a.o.Mode == "mock":
		a.mock(op)
	case i["integrationSubtype"] != nil:
		a.refuse(op, at+"/integrationSubtype", "it calls the service "+str(i["integrationSubtype"])+" of AWS", "put a Lambda function or a backend of yours in between")
	case str(i["connectionType"]) == "VPC_LINK" && a.o.Upstream == "":
		a.refuse(op, at+"/connectionType", "its backend is reached by a VPC link of the account", "name an upstream that the gateway reaches by the option upstream")
	case typ == "aws_proxy":
		a.lambda(op, i, at)
	case typ == "http_proxy":
		a.http(op, b, i, at)
	case typ == "http":
		a.plainHTTP(op, b, i, at)
	case typ == "mock":
		a.mockOf(op, i, at)
	case typ == "aws":
		a.refuse(op, at+"/type", "it calls a service of AWS with templates of its own (type aws)", "use a Lambda function with the proxy integration (aws_proxy)")
	default:
		a.refuse(op, at+"/type", "the integration's type "+strconv.Quote(str(i["type"]))+" is not known", "")
	}
	return true
}

// deref follows a reference to one of the document's integrations.
func (a *awsDocument) deref(v any) map[string]any {
	m := object(v)
	ref, ok := m["$ref"].(string)
	if !ok {
		return m
	}
	name := ref[strings.LastIndexByte(ref, '/')+1:]
	if !strings.HasPrefix(ref, "#/components/"+amazonPrefix+"integrations/") {
		return nil
	}
	return object(object(object(a.root["components"])[amazonPrefix+"integrations"])[name])
}

// ignored are fields of an integration that mean nothing here, and why.
var ignored = map[string]string{
	"credentials":          "the role belongs to the AWS account: the gateway calls with the access key of the option aws",
	"passthroughBehavior":  "bodies are always passed on",
	"cacheKeyParameters":   "answers are not cached: use the policy cache",
	"cacheNamespace":       "answers are not cached: use the policy cache",
	"connectionId":         "connections of the AWS account are not known",
	"integrationTarget":    "targets of the AWS account are not known",
	"contentHandling":      "",
	"payloadFormatVersion": "", "type": "", "uri": "", "httpMethod": "", "timeoutInMillis": "", "connectionType": "", "requestParameters": "", "requestTemplates": "",
	"responses": "", "tlsConfig": "", "responseTransferMode": "", "integrationSubtype": "", "description": "",
}

// common reads what integrations of every type have.
func (a *awsDocument) common(op *operation, i map[string]any, at string) {
	for _, name := range slices.Sorted(maps.Keys(i)) {
		why, known := ignored[name]
		switch {
		case !known && !strings.HasPrefix(name, "x-"):
			a.refuse(op, at+contract.Pointer(name), "the integration's field "+name+" is not known", "")
		case why != "":
			a.approximated(at+contract.Pointer(name), op.title()+": "+name, why, "")
		}
	}
	if ms, err := strconv.Atoi(text(i["timeoutInMillis"])); err == nil && ms > 0 {
		op.route.Timeout = contract.Duration(time.Duration(ms) * time.Millisecond)
	}
}

// lambda invokes a function as AWS does.
func (a *awsDocument) lambda(op *operation, i map[string]any, at string) {
	uri, missing := textOf(&a.o.AWS, i["uri"])
	function, stream := functionOf(uri)
	region := ""
	if name, arn, ok := byLogicalName(&a.o.AWS, function); ok {
		if function, missing = arn, ""; !strings.HasPrefix(arn, "arn:") {
			if region = a.o.AWS.Region; region == "" {
				missing = "AWS::Region"
			}
		}
		if missing == "" {
			a.approximated(at+"/uri", op.title(), "the function is called by its name in the template, "+name+": the stack may have given it another one",
				"give it that name by FunctionName, or change the route's integration")
		}
	}
	// What stands around the function says nothing here.
	if missing != "" && (function == "" || region != "" || strings.Contains(function, "${") || !strings.HasPrefix(function, "arn:")) {
		a.refuse(op, at+"/uri", "nobody said what ${"+missing+"} is", "say it by the option aws (region, account, stage_variables)")
		return
	}
	if function == "" {
		a.refuse(op, at+"/uri", "it is no address of a Lambda function", "write arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/FUNCTION/invocations")
		return
	}
	version := text(i["payloadFormatVersion"])
	if version == "" {
		version = "1.0"
	}
	config := map[string]any{
		"function": function, "payload_version": version,
		"access_key_id": map[string]any{"secret": a.o.AWS.AccessKeyID}, "secret_access_key": map[string]any{"secret": a.o.AWS.SecretAccessKey},
	}
	if region != "" {
		config["region"] = region
	}
	if a.o.AWS.SessionToken != "" {
		config["session_token"] = map[string]any{"secret": a.o.AWS.SessionToken}
	}
	if a.o.AWS.Endpoint != "" {
		config["endpoint"] = a.o.AWS.Endpoint
	}
	if version == "1.0" && len(a.binary) > 0 {
		config["binary_media_types"] = a.binary
	}
	if stream || str(i["responseTransferMode"]) == "STREAM" {
		config["invocation"] = "stream"
	}
	if op.route.Timeout != 0 {
		config["timeout"] = op.route.Timeout
	}
	if vars := a.o.AWS.StageVariables; len(vars) > 0 {
		config["stage_variables"] = vars
	}
	for _, name := range []string{"requestTemplates", "requestParameters", "contentHandling"} {
		if i[name] != nil {
			a.approximated(at+"/"+name, op.title()+": "+name, "AWS does not look at it with the proxy integration", "")
		}
	}
	p := policy("lambda", config)
	op.route.Integration = &p
	a.taken(at, op.title()+" → the Lambda function "+function)
}

// functionOf finds the function in the address of an invocation, or in an ARN.
func functionOf(uri string) (function string, stream bool) {
	if _, rest, ok := strings.Cut(uri, "/functions/"); ok {
		for _, end := range []string{"/invocations", "/response-streaming-invocations"} {
			if name, ok := strings.CutSuffix(rest, end); ok {
				return name, end != "/invocations"
			}
		}
		return "", false
	}
	if strings.HasPrefix(uri, "arn:") && strings.Contains(uri, ":lambda:") && strings.Contains(uri, ":function:") {
		return uri, false
	}
	return "", false
}

// http passes requests on to a backend.
func (a *awsDocument) http(op *operation, b base, i map[string]any, at string) {
	uri, missing := textOf(&a.o.AWS, i["uri"])
	if missing != "" {
		a.refuse(op, at+"/uri", "nobody said what ${"+missing+"} is", "say it by the option aws (stage_variables)")
		return
	}
	u, err := url.Parse(strings.NewReplacer("{", "%7B", "}", "%7D").Replace(uri))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || strings.Contains(u.Host, "%7B") {
		a.refuse(op, at+"/uri", "it is no address of a backend such as https://api.example.com/path", "")
		return
	}
	if strings.Contains(uri, "+}") || !a.requestParameters(op, i, at) {
		a.refuse(op, at+"/uri", "its path has a parameter that the gateway can't fill in", "")
		return
	}
	switch {
	case a.o.Upstream != "" && b.server != nil:
		a.send(op, b.server, b.at)
	default:
		op.route.Upstream = a.pool(u.Scheme+"://"+u.Host, a.upstreamOf(op, u, i, at), at+"/uri")
	}
	a.backendPath(op, u.Path, at)
	if m := str(i["httpMethod"]); m != "" && !strings.EqualFold(m, op.method) && m != "ANY" && m != "x-amazon-apigateway-any-method" {
		op.add("transform_request", map[string]any{"method": strings.ToUpper(m)})
	}
	a.taken(at, op.title()+" → the backend "+u.Scheme+"://"+u.Host)
}

func (a *awsDocument) upstreamOf(op *operation, u *url.URL, i map[string]any, at string) contract.Upstream {
	up := contract.Upstream{Targets: []contract.Target{{URL: u.Scheme + "://" + u.Host}}}
	tls := object(i["tlsConfig"])
	if tls["insecureSkipVerification"] == true {
		a.refuse(op, at+"/tlsConfig/insecureSkipVerification", "the backend's certificate would not be verified", "give the upstream the certificate authority of the backend")
	}
	if name := str(tls["serverNameToVerify"]); name != "" {
		up.TLS = &contract.UpstreamTLS{ServerName: name}
	}
	return up
}

// backendPath makes the path of the backend's address of the route's.
func (a *awsDocument) backendPath(op *operation, path string, at string) {
	own := op.route.Match.Path
	if tail := strings.LastIndex(own, "/{"); strings.HasSuffix(own, "+}") && tail >= 0 {
		// A parameter of several segments can't be filled in, but what stands before
		// it can be changed.
		name := strings.TrimSuffix(own[tail+2:], "+}")
		before, ok := strings.CutSuffix(path, "/{"+name+"}")
		if !ok || strings.Contains(before, "{") || strings.Contains(own[:tail], "{") {
			a.refuse(op, at+"/uri", "the open end of "+op.path+" must be the end of the address: …/{"+name+"}", "")
			return
		}
		a.rewrite(op, own[:tail], before)
		return
	}
	if strings.HasPrefix(own, "~") || strings.HasSuffix(own, "/*") {
		if path != "" && path != "/" {
			a.refuse(op, at+"/uri", "the address has a path, and the route takes many", "write the route with {proxy+}")
		}
		return
	}
	target := strings.ReplaceAll(path, "{", "{param.")
	if target == "" {
		target = "/"
	}
	if target != strings.ReplaceAll(own, "{", "{param.") {
		op.add("rewrite", map[string]any{"path": target})
	}
}

// requestParameters takes over fields of the request that are the same or fixed.
func (a *awsDocument) requestParameters(op *operation, i map[string]any, at string) bool {
	set := map[string]any{}
	params := object(i["requestParameters"])
	for _, to := range slices.Sorted(maps.Keys(params)) {
		from, place := str(params[to]), at+contract.Pointer("requestParameters", to)
		kind, name, _ := strings.Cut(strings.TrimPrefix(to, "integration.request."), ".")
		same := from == "method.request."+kind+"."+name
		literal, isLiteral := strings.CutPrefix(from, "'")
		literal, closed := strings.CutSuffix(literal, "'")
		switch {
		case same && strings.HasPrefix(to, "integration.request."):
			a.taken(place, op.title()+": "+to)
		case isLiteral && closed && kind == "header":
			set[name] = strings.NewReplacer("{", "{{", "}", "}}").Replace(literal)
			a.taken(place, op.title()+": "+to+" → policy request_headers")
		case variables[from] != "" && kind == "header":
			set[name] = variables[from]
			a.taken(place, op.title()+": "+to+" → policy request_headers")
		default:
			a.refuse(op, place, "the mapping "+to+" ← "+from+" can't be carried over", "do it by the policies request_headers, rewrite or transform_request")
			return true
		}
	}
	if len(set) > 0 {
		op.add("request_headers", map[string]any{"set": set})
	}
	return true
}

// variables are what AWS knows of a request, in our words.
var variables = map[string]string{
	"context.identity.sourceIp": "{client_ip}", "context.requestId": "{request_id}", "context.httpMethod": "{method}", "context.authorizer.principalId": "{consumer}",
}

// plainHTTP is an integration whose answers AWS maps: the same as a proxy where the
// mapping changes nothing.
func (a *awsDocument) plainHTTP(op *operation, b base, i map[string]any, at string) {
	if i["requestTemplates"] != nil {
		a.refuse(op, at+"/requestTemplates", "the body is made by templates (VTL)", "use http_proxy, or the policy transform_request")
		return
	}
	responses := object(i["responses"])
	for _, pattern := range slices.Sorted(maps.Keys(responses)) {
		r, place := object(responses[pattern]), at+contract.Pointer("responses", pattern)
		if r["responseTemplates"] != nil || r["responseParameters"] != nil || r["contentHandling"] != nil {
			a.refuse(op, place, "the answer is made by templates or mappings", "use http_proxy, or the policy transform_response")
			return
		}
		if status := text(r["statusCode"]); pattern != "default" && pattern != status {
			a.refuse(op, place, "answers with "+pattern+" become "+status, "use http_proxy, or the policy transform_response")
			return
		}
	}
	a.approximated(at+"/type", op.title(), "callers get the backend's own status, as with http_proxy", "")
	a.http(op, b, i, at)
}

// mockOf answers as an integration of type mock says.
func (a *awsDocument) mockOf(op *operation, i map[string]any, at string) {
	status := mockStatus(i)
	responses := object(i["responses"])
	name := "default"
	if responses[status] != nil {
		name = status
	}
	r, place := object(responses[name]), at+contract.Pointer("responses", name)
	if r == nil {
		a.refuse(op, at+"/responses", "it has no response for the status "+status, "")
		return
	}
	n, err := strconv.Atoi(text(r["statusCode"]))
	if err != nil || n < 200 || n > 599 {
		a.refuse(op, place+"/statusCode", "is no status from 200 to 599", "")
		return
	}
	config := map[string]any{"status": n}
	headers := map[string]any{}
	params := object(r["responseParameters"])
	for _, to := range slices.Sorted(maps.Keys(params)) {
		field, ok := strings.CutPrefix(to, "method.response.header.")
		v := str(params[to])
		if !ok || len(v) < 2 || v[0] != '\'' || v[len(v)-1] != '\'' {
			a.refuse(op, place+contract.Pointer("responseParameters", to), "only fixed values of header fields can be carried over", "")
			return
		}
		headers[field] = v[1 : len(v)-1]
	}
	if len(headers) > 0 {
		config["headers"] = headers
	}
	templates := object(r["responseTemplates"])
	if types := slices.Sorted(maps.Keys(templates)); len(types) > 0 {
		media := types[0]
		if len(types) > 1 {
			a.approximated(place+"/responseTemplates", op.title(), "callers get "+media+", whatever they prefer", "")
		}
		body := str(templates[media])
		if strings.ContainsAny(body, "$#") {
			a.refuse(op, place+contract.Pointer("responseTemplates", media), "the body is made by a template (VTL)", "write the body as it is")
			return
		}
		if strings.TrimSpace(body) != "" {
			config["content_type"], config["body"] = media, body
		}
	}
	op.add("mock", config)
	a.taken(at, op.title()+" → policy mock")
}

// mockStatus is the status that a mock's request template chooses.
func mockStatus(i map[string]any) string {
	for _, v := range object(i["requestTemplates"]) {
		var t struct {
			StatusCode json.Number `json:"statusCode"`
		}
		if json.Unmarshal([]byte(str(v)), &t) == nil && t.StatusCode != "" {
			return t.StatusCode.String()
		}
	}
	return "200"
}
