package lambda

import (
	"encoding/json"
	"strings"
)

// event2 is payload version 2.0: what HTTP APIs and function URLs send. Members
// without a value are left out.
type event2 struct {
	Version         string            `json:"version"`
	RouteKey        string            `json:"routeKey"`
	RawPath         string            `json:"rawPath"`
	RawQuery        string            `json:"rawQueryString"`
	Cookies         []string          `json:"cookies,omitempty"`
	Headers         map[string]string `json:"headers"`
	Query           map[string]string `json:"queryStringParameters,omitempty"`
	PathParameters  map[string]string `json:"pathParameters,omitempty"`
	StageVariables  map[string]string `json:"stageVariables,omitempty"`
	RequestContext  context2          `json:"requestContext"`
	Body            *string           `json:"body,omitempty"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
}

type context2 struct {
	AccountID      string          `json:"accountId"`
	APIID          string          `json:"apiId"`
	DomainName     string          `json:"domainName"`
	DomainPrefix   string          `json:"domainPrefix"`
	RequestID      string          `json:"requestId"`
	RouteKey       string          `json:"routeKey"`
	Stage          string          `json:"stage"`
	Time           string          `json:"time"`
	TimeEpoch      int64           `json:"timeEpoch"`
	HTTP           http2           `json:"http"`
	Authentication *authentication `json:"authentication,omitempty"`
	Authorizer     *authorizer2    `json:"authorizer,omitempty"`
}

type http2 struct {
	Method    string `json:"method"`
	Path      string `json:"path"`
	Protocol  string `json:"protocol"`
	SourceIP  string `json:"sourceIp"`
	UserAgent string `json:"userAgent"`
}

type authentication struct {
	ClientCert *clientCert `json:"clientCert"`
}

// authorizer2 has a token's claims in jwt, and a caller that is known by other
// means in lambda, where functions look for what an authorizer of theirs said.
type authorizer2 struct {
	JWT    *jwt              `json:"jwt,omitempty"`
	Lambda map[string]string `json:"lambda,omitempty"`
}

type jwt struct {
	Claims map[string]string `json:"claims"`
	Scopes []string          `json:"scopes"`
}

// event2 makes the event.
func (p *function) event2(f *facts) ([]byte, error) {
	e := event2{
		Version: payload2, RouteKey: p.key.String(), RawPath: f.path, RawQuery: f.query, Headers: map[string]string{},
		PathParameters: f.params, StageVariables: p.variables,
		RequestContext: context2{
			AccountID: p.account, APIID: p.gateway, DomainName: f.host, DomainPrefix: domainPrefix(f.host), RequestID: f.id,
			RouteKey: p.key.String(), Stage: p.stage, Time: f.at.Format(timeForm), TimeEpoch: f.at.UnixMilli(),
			HTTP: http2{Method: f.method, Path: f.full, Protocol: "HTTP/1.1", SourceIP: f.client, UserAgent: f.get("User-Agent")},
		},
	}
	for _, name := range f.names {
		v, lower := f.fields[name], strings.ToLower(name)
		if lower == "cookie" {
			e.Cookies = append(e.Cookies, cookies(v)...)
			continue
		}
		e.Headers[lower] = strings.Join(v, ",")
	}
	f.queries(func(name, value string) {
		if e.Query == nil {
			e.Query = map[string]string{}
		}
		if former, ok := e.Query[name]; ok {
			value = former + "," + value
		}
		e.Query[name] = value
	})
	if c := f.clientCert(); c != nil {
		e.RequestContext.Authentication = &authentication{c}
	}
	if f.claims != nil {
		e.RequestContext.Authorizer = &authorizer2{JWT: &jwt{Claims: f.claims, Scopes: f.scopes}}
	}
	if f.consumer != "" {
		if e.RequestContext.Authorizer == nil {
			e.RequestContext.Authorizer = &authorizer2{}
		}
		e.RequestContext.Authorizer.Lambda = map[string]string{"principalId": f.consumer}
	}
	e.Body, e.IsBase64Encoded = f.encoded(isText(mediaType(f.get("Content-Type"))))
	return json.Marshal(&e)
}

func cookies(fields []string) (out []string) {
	for _, v := range fields {
		for one := range strings.SplitSeq(v, ";") {
			if one = strings.TrimSpace(one); one != "" {
				out = append(out, one)
			}
		}
	}
	return out
}
