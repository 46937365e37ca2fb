package lambda

import (
	"encoding/json"
	"time"
)

// event1 is payload version 1.0: what REST APIs send. Members without a value are
// null.
type event1 struct {
	Resource        string              `json:"resource"`
	Path            string              `json:"path"`
	Method          string              `json:"httpMethod"`
	Headers         map[string]string   `json:"headers"`
	MultiHeaders    map[string][]string `json:"multiValueHeaders"`
	Query           map[string]string   `json:"queryStringParameters"`
	MultiQuery      map[string][]string `json:"multiValueQueryStringParameters"`
	PathParameters  map[string]string   `json:"pathParameters"`
	StageVariables  map[string]string   `json:"stageVariables"`
	RequestContext  context1            `json:"requestContext"`
	Body            *string             `json:"body"`
	IsBase64Encoded bool                `json:"isBase64Encoded"`
}

type context1 struct {
	AccountID         string         `json:"accountId"`
	ResourceID        string         `json:"resourceId"`
	OperationName     string         `json:"operationName,omitempty"`
	Stage             string         `json:"stage"`
	DomainName        string         `json:"domainName"`
	DomainPrefix      string         `json:"domainPrefix"`
	RequestID         string         `json:"requestId"`
	ExtendedRequestID string         `json:"extendedRequestId"`
	Protocol          string         `json:"protocol"`
	Path              string         `json:"path"`
	ResourcePath      string         `json:"resourcePath"`
	Method            string         `json:"httpMethod"`
	RequestTime       string         `json:"requestTime"`
	RequestTimeEpoch  int64          `json:"requestTimeEpoch"`
	APIID             string         `json:"apiId"`
	Identity          identity1      `json:"identity"`
	Authorizer        map[string]any `json:"authorizer,omitempty"`
}

// identity1 has the members of AWS's own identities too, which nobody here has.
type identity1 struct {
	SourceIP                      string      `json:"sourceIp"`
	UserAgent                     string      `json:"userAgent"`
	APIKey                        *string     `json:"apiKey"`
	APIKeyID                      *string     `json:"apiKeyId"`
	AccessKey                     *string     `json:"accessKey"`
	AccountID                     *string     `json:"accountId"`
	Caller                        *string     `json:"caller"`
	User                          *string     `json:"user"`
	UserARN                       *string     `json:"userArn"`
	PrincipalOrgID                *string     `json:"principalOrgId"`
	CognitoIdentityID             *string     `json:"cognitoIdentityId"`
	CognitoIdentityPoolID         *string     `json:"cognitoIdentityPoolId"`
	CognitoAuthenticationProvider *string     `json:"cognitoAuthenticationProvider"`
	CognitoAuthenticationType     *string     `json:"cognitoAuthenticationType"`
	ClientCert                    *clientCert `json:"clientCert,omitempty"`
}

// clientCert is what is known of the client's certificate.
type clientCert struct {
	SubjectDN string   `json:"subjectDN"`
	Validity  validity `json:"validity"`
}

type validity struct {
	NotAfter string `json:"notAfter"`
}

func (f *facts) clientCert() *clientCert {
	if f.certificate == nil {
		return nil
	}
	return &clientCert{f.certificate.Subject, validity{time.Unix(f.certificate.NotAfter, 0).UTC().Format(certForm)}}
}

// event1 makes the event.
func (p *function) event1(f *facts) ([]byte, error) {
	e := event1{
		Resource: p.key.resource, Path: f.path, Method: f.method, Headers: map[string]string{}, MultiHeaders: map[string][]string{},
		PathParameters: f.params, StageVariables: p.variables,
		RequestContext: context1{
			AccountID: p.account, ResourceID: "", Stage: p.stage, DomainName: f.host, DomainPrefix: domainPrefix(f.host),
			RequestID: f.id, ExtendedRequestID: f.id, Protocol: "HTTP/1.1", Path: f.full, ResourcePath: p.key.resource, Method: f.method,
			RequestTime: f.at.Format(timeForm), RequestTimeEpoch: f.at.UnixMilli(), APIID: p.gateway,
			Identity: identity1{SourceIP: f.client, UserAgent: f.get("User-Agent"), ClientCert: f.clientCert()},
		},
	}
	for _, name := range f.names {
		v := f.fields[name]
		e.Headers[name], e.MultiHeaders[name] = v[len(v)-1], v
	}
	f.queries(func(name, value string) {
		if e.Query == nil {
			e.Query, e.MultiQuery = map[string]string{}, map[string][]string{}
		}
		e.Query[name] = value
		e.MultiQuery[name] = append(e.MultiQuery[name], value)
	})
	if f.display != "" {
		e.RequestContext.Identity.APIKeyID = &f.display
	}
	if f.consumer != "" || f.claims != nil {
		a := map[string]any{}
		if a["principalId"] = f.consumer; f.consumer == "" {
			a["principalId"] = f.claims["sub"]
		}
		if f.claims != nil {
			a["claims"] = f.claims
		}
		e.RequestContext.Authorizer = a
	}
	e.Body, e.IsBase64Encoded = f.encoded(!p.isBinary(mediaType(f.get("Content-Type"))))
	return json.Marshal(&e)
}
