package oas_test

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/services/importer"
	"github.com/tollgate/tollgate/services/importer/oas"
)

const (
	lambdaURI = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:123456789012:function:f/invocations"
	awsHead   = "openapi: 3.0.1\ninfo: {title: T, version: '1'}\n"
)

// awsGet is a document with one operation, its integration, and more at the root.
func awsGet(path, operation, root string) string {
	return awsHead + root + "paths:\n  '" + path + "':\n    get:\n      responses: {}\n" + operation
}

func integrated(fields string) string {
	return "      x-amazon-apigateway-integration: {" + fields + "}\n"
}

// TestAWS holds each extension of Amazon API Gateway to what becomes of it: one
// document that is taken, one that is refused, with its line.
func TestAWS(t *testing.T) {
	t.Parallel()
	fn := integrated("type: aws_proxy, httpMethod: POST, uri: '" + lambdaURI + "'")
	key := "components: {securitySchemes: {k: {type: apiKey, name: x-api-key, in: header}, a: {type: apiKey, name: Authorization, in: header, x-amazon-apigateway-authtype: custom, x-amazon-apigateway-authorizer: {AUTH}}}}\n"
	auth := func(a string) string { return strings.Replace(key, "AUTH", a, 1) }
	for _, c := range []struct {
		name, text string
		o          importer.Options
		want       string // in the routes and upstreams, as JSON
		refused    string
	}{
		{name: "a function", text: awsGet("/a", fn, ""), want: `"integration":{"type":"lambda","config":{"access_key_id":{"secret":"aws-access-key-id"},"function":"arn:aws:lambda:us-east-1:123456789012:function:f","payload_version":"1.0"`},
		{name: "a bare ARN, payload 2.0", text: awsGet("/a", integrated("type: AWS_PROXY, payloadFormatVersion: '2.0', timeoutInMillis: 5000, uri: 'arn:aws:lambda:eu-west-1:1:function:g:live'"), ""), want: `"function":"arn:aws:lambda:eu-west-1:1:function:g:live","payload_version":"2.0","secret_access_key":{"secret":"aws-secret-access-key"},"timeout":"5s"`},
		{name: "a stream", text: awsGet("/a", integrated("type: aws_proxy, uri: 'arn:aws:apigateway:x:lambda:path/2021-11-15/functions/f/response-streaming-invocations'"), ""), want: `"invocation":"stream"`},
		{name: "substitution", text: awsGet("/a", integrated("type: aws_proxy, uri: {'Fn::Sub': 'arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${stageVariables.fn}/invocations'}"), ""), o: importer.Options{AWS: importer.AWS{Region: "eu-west-1", Account: "42", StageVariables: map[string]string{"fn": "h"}}}, want: `"function":"arn:aws:lambda:eu-west-1:42:function:h"`},
		{name: "substitution of nobody knows what", text: awsGet("/a", integrated("type: aws_proxy, uri: '${stageVariables.fn}'"), ""), refused: "line 7: GET /a: nobody said what ${stageVariables.fn} is"},
		{name: "no function", text: awsGet("/a", integrated("type: aws_proxy, uri: 'https://example.com'"), ""), refused: "line 7: GET /a: it is no address of a Lambda function"},
		{name: "an open end", text: awsGet("/a/{proxy+}", fn, ""), want: `"path":"/a/{proxy+}"`},
		{name: "every method", text: awsHead + "paths:\n  /a:\n    x-amazon-apigateway-any-method:\n      x-amazon-apigateway-integration: {type: aws_proxy, uri: '" + lambdaURI + "'}\n", want: `"match":{"path":"/a"}`},
		{name: "a default route", text: awsHead + "paths:\n  /$default:\n    x-amazon-apigateway-any-method:\n      isDefaultRoute: true\n      x-amazon-apigateway-integration: {type: aws_proxy, uri: '" + lambdaURI + "'}\n", want: `"match":{"path":"/*"}`},
		{name: "an integration that is shared", text: awsGet("/a", "      x-amazon-apigateway-integration: {$ref: '#/components/x-amazon-apigateway-integrations/f'}\n", "components: {x-amazon-apigateway-integrations: {f: {type: aws_proxy, uri: '"+lambdaURI+"'}}}\n"), want: `"type":"lambda"`},
		{name: "a backend", text: awsGet("/a/{id}", integrated("type: http_proxy, httpMethod: GET, uri: 'https://b.example.com/x/{id}', requestParameters: {integration.request.path.id: method.request.path.id, integration.request.header.X-A: \"'v'\", integration.request.header.X-Ip: context.identity.sourceIp}"), ""), want: `{"type":"request_headers","config":{"set":{"X-A":"v","X-Ip":"{client_ip}"}}},{"type":"rewrite","config":{"path":"/x/{param.id}"}}],"upstream":"b-example-com"`},
		{name: "a backend with an open end", text: awsGet("/a/{proxy+}", integrated("type: http_proxy, httpMethod: ANY, uri: 'http://b.example.com:81/x/{proxy}'"), ""), want: `"config":{"add_prefix":"/x","strip_prefix":"/a"}`},
		{name: "another method", text: awsGet("/a", integrated("type: http_proxy, httpMethod: POST, uri: 'https://b.example.com/a'"), ""), want: `{"type":"transform_request","config":{"method":"POST"}}`},
		{name: "a mapping from the body", text: awsGet("/a", integrated("type: http_proxy, httpMethod: GET, uri: 'https://b.example.com/a', requestParameters: {integration.request.header.X: method.request.body.x}"), ""), refused: "line 7: GET /a: the mapping integration.request.header.X"},
		{name: "http that changes nothing", text: awsGet("/a", integrated("type: http, httpMethod: GET, uri: 'https://b.example.com/a', responses: {'200': {statusCode: '200'}}"), ""), want: `"upstream":"b-example-com"`},
		{name: "http with templates", text: awsGet("/a", integrated("type: http, httpMethod: GET, uri: 'https://b.example.com/a', responses: {default: {statusCode: 200, responseTemplates: {application/json: '$input'}}}"), ""), refused: "made by templates"},
		{name: "a mock", text: awsGet("/a", integrated(`type: mock, requestTemplates: {application/json: '{"statusCode": 201}'}, responses: {default: {statusCode: '201', responseParameters: {method.response.header.X: "'y'"}, responseTemplates: {application/json: '{"a": 1}'}}}`), ""), want: `{"type":"mock","config":{"body":"{\"a\": 1}","content_type":"application/json","headers":{"X":"y"},"status":201}}`},
		{name: "a mock with a template", text: awsGet("/a", integrated(`type: mock, responses: {default: {statusCode: '200', responseTemplates: {application/json: '$context.requestId'}}}`), ""), refused: "template (VTL)"},
		{name: "a service", text: awsGet("/a", integrated("type: aws, uri: 'arn:aws:apigateway:us-east-1:dynamodb:action/GetItem'"), ""), refused: "calls a service of AWS"},
		{name: "a subtype", text: awsGet("/a", integrated("type: aws_proxy, integrationSubtype: SQS-SendMessage"), ""), refused: "calls the service SQS-SendMessage"},
		{name: "a VPC link", text: awsGet("/a", integrated("type: http_proxy, connectionType: VPC_LINK, connectionId: x, uri: 'https://b.example.com/a'"), ""), refused: "VPC link"},
		{name: "no verification", text: awsGet("/a", integrated("type: http_proxy, uri: 'https://b.example.com/a', tlsConfig: {insecureSkipVerification: true}"), ""), refused: "would not be verified"},
		{name: "a name to verify", text: awsGet("/a", integrated("type: http_proxy, uri: 'https://b.example.com/a', tlsConfig: {serverNameToVerify: c.example.com}"), ""), want: `"tls":{"server_name":"c.example.com"}`},
		{name: "a field that nobody knows", text: awsGet("/a", integrated("type: aws_proxy, uri: '"+lambdaURI+"', surprise: 1"), ""), refused: "field surprise is not known"},
		{name: "an extension that nobody knows", text: awsGet("/a", fn+"      x-amazon-apigateway-surprise: 1\n", ""), refused: "line 8: x-amazon-apigateway-surprise: the extension is not known"},

		{name: "a validator", text: awsGet("/a", "      parameters: [{name: q, in: query, required: true, schema: {type: string}}]\n      x-amazon-apigateway-request-validator: all\n"+fn, "x-amazon-apigateway-request-validators: {all: {validateRequestBody: true, validateRequestParameters: true}}\n"), want: `"type":"validate_request"`},
		{name: "a validator that is not there", text: awsGet("/a", "      x-amazon-apigateway-request-validator: gone\n"+fn, ""), refused: "no request validator gone"},
		{name: "binary media types", text: awsGet("/a", fn, "x-amazon-apigateway-binary-media-types: ['image/png']\n"), want: `"binary_media_types":["image/png"]`},
		{name: "compression", text: awsGet("/a", fn, "x-amazon-apigateway-minimum-compression-size: 5242880\n"), want: `{"type":"compress","config":{"min_bytes":5242880}}`},
		{name: "CORS", text: awsGet("/a", fn, "x-amazon-apigateway-cors: {allowOrigins: ['https://a.example.com'], allowMethods: [GET], maxAge: 60, allowCredentials: true}\n"), want: `{"type":"cors","config":{"allow_credentials":true,"allow_methods":["GET"],"allow_origins":["https://a.example.com"],"max_age":"60s"}}`},
		{name: "gateway responses", text: awsGet("/a", fn, "x-amazon-apigateway-gateway-responses: {DEFAULT_4XX: {responseTemplates: {application/json: '{\"message\":$context.error.messageString}'}}, THROTTLED: {statusCode: 420}}\n"), want: `"type":"error_pages"`},
		{name: "addresses", text: awsGet("/a", fn, "x-amazon-apigateway-policy: {Statement: [{Effect: Allow, Principal: '*', Action: 'execute-api:Invoke', Resource: 'execute-api:/*', Condition: {IpAddress: {'aws:SourceIp': ['10.0.0.0/8']}}}]}\n"), want: `{"type":"ip_filter","config":{"allow":["10.0.0.0/8"]}}`},
		{name: "a condition of the VPC", text: awsGet("/a", fn, "x-amazon-apigateway-policy:\n  Statement: [{Effect: Deny, Principal: '*', Action: 'execute-api:Invoke', Resource: 'execute-api:/*', Condition: {StringNotEquals: {'aws:SourceVpc': v}}}]\n"), refused: "line 4: x-amazon-apigateway-policy: its condition can't be carried over"},

		{name: "keys", text: awsGet("/a", "      security: [{k: []}]\n"+fn, auth("type: token")+"x-amazon-apigateway-api-key-source: HEADER\n"), want: `{"type":"api_key","config":{"bearer":false}}`},
		{name: "keys of an authorizer", text: awsGet("/a", "      security: [{k: []}]\n"+fn, auth("type: token")+"x-amazon-apigateway-api-key-source: AUTHORIZER\n"), refused: "usageIdentifierKey"},
		{name: "a JWT authorizer", text: awsGet("/a", "      security: [{a: [read]}]\n"+fn, auth("type: jwt, jwtConfiguration: {issuer: 'https://id.example.com', audience: [x]}, identitySource: '$request.header.Authorization'")), want: `{"type":"jwt","config":{"algorithms":["RS256","RS384","RS512"],"audiences":["x"],"issuer":"https://id.example.com","scopes":["read"]}}`},
		{name: "a Lambda authorizer", text: awsGet("/a", "      security: [{a: []}]\n"+fn, auth("type: token, authorizerUri: x")), refused: "a Lambda function decides who may call"},
		{name: "a user pool", text: awsGet("/a", "      security: [{a: []}]\n"+fn, auth("type: cognito_user_pools, providerARNs: ['arn:aws:cognito-idp:us-east-1:1:userpool/us-east-1_X']")), refused: "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_X"},
		{name: "all of several", text: awsGet("/a", "      security: [{k: []}, {a: []}]\n"+fn, auth("type: jwt, jwtConfiguration: {issuer: 'https://id.example.com', audience: [x]}")), refused: "AWS asks for all of several"},
		{name: "IAM", text: awsGet("/a", "      x-amazon-apigateway-auth: {type: AWS_IAM}\n"+fn, ""), refused: "AWS credentials (AWS_IAM)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, _, errs := oas.Import([]byte(c.text), c.o, importer.Present{})
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			got := said(c.text, c.o, importer.Present{})
			if c.refused == "" && got != "" || !strings.Contains(got, c.refused) {
				t.Errorf("refused: %q, want %q", got, c.refused)
			}
			made, err := json.Marshal([]any{p.Routes, p.Upstreams})
			if err != nil {
				t.Fatal(err)
			}
			if c.refused == "" && !strings.Contains(string(made), c.want) {
				t.Errorf("got %s\nwant %s", made, c.want)
			}
		})
	}
}

// TestNothingDropped: every extension of a document stands in the report.
func TestNothingDropped(t *testing.T) {
	t.Parallel()
	names, err := os.ReadFile("testdata/aws/orders.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, report, errs := oas.Import(names, importer.Options{AWS: importer.AWS{Region: "eu-west-1", Account: "1"}}, importer.Present{})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	lines := map[int]bool{}
	for _, r := range report.Rows {
		lines[r.Line] = true
	}
	for i, line := range strings.Split(string(names), "\n") {
		if strings.Contains(line, "x-amazon-apigateway-") && !lines[i+1] {
			t.Errorf("line %d is not in the report: %s", i+1, line)
		}
	}
}

// sam is a document as templates of SAM have it in DefinitionBody, with functions of
// CloudFormation in the short forms of YAML.
const sam = `openapi: 3.0.1
info:
  title: !Sub "${AWS::StackName}-api"
  version: !Ref ApiVersion
components:
  securitySchemes:
    pool: {type: apiKey, name: Authorization, in: header, x-amazon-apigateway-authtype: cognito_user_pools, x-amazon-apigateway-authorizer: {type: cognito_user_pools, providerARNs: [!GetAtt UserPool.Arn]}}
    tokens: {type: apiKey, name: Authorization, in: header, x-amazon-apigateway-authtype: custom, x-amazon-apigateway-authorizer: {type: jwt, jwtConfiguration: {issuer: !Sub "https://cognito-idp.${AWS::Region}.amazonaws.com/${UserPool}", audience: [!Ref Client]}}}
    known: {type: apiKey, name: Authorization, in: header, x-amazon-apigateway-authtype: custom, x-amazon-apigateway-authorizer: {type: jwt, jwtConfiguration: {issuer: !Sub "https://id.${AWS::Region}.example.com", audience: [shop]}}}
paths:
  /region:
    get:
      x-amazon-apigateway-integration:
        type: aws_proxy
        httpMethod: POST
        credentials: !GetAtt InvokeRole.Arn
        uri: !Sub "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/arn:aws:lambda:${AWS::Region}:${AWS::AccountId}:function:region/invocations"
  /logical:
    get:
      x-amazon-apigateway-integration:
        type: aws_proxy
        uri: !Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${ListFunction.Arn}/invocations
    post:
      x-amazon-apigateway-integration:
        type: aws_proxy
        uri: !Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${SaveFunction.Arn}:live/invocations
  /named:
    get:
      x-amazon-apigateway-integration:
        type: aws_proxy
        uri: !Sub
          - arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Target}/invocations
          - Target: !GetAtt NamedFunction.Arn
  /joined:
    get:
      x-amazon-apigateway-integration:
        type: aws_proxy
        uri: !Join ["", ["arn:aws:apigateway:", !Ref "AWS::Region", ":lambda:path/2015-03-31/functions/", !GetAtt [JoinedFunction, Arn], /invocations]]
  /referred:
    get:
      x-amazon-apigateway-integration:
        type: aws_proxy
        uri: !Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/arn:aws:lambda:${AWS::Region}:${AWS::AccountId}:function:${ReferredFunction}/invocations
  /alias:
    get:
      x-amazon-apigateway-integration:
        type: aws_proxy
        uri: !Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Alias}/invocations
  /imported:
    get:
      x-amazon-apigateway-integration: {type: http_proxy, httpMethod: GET, uri: !ImportValue backend}
  /either:
    get:
      security: !If [Open, [], [{known: []}]]
      x-amazon-apigateway-integration: {type: http_proxy, httpMethod: GET, uri: "https://b.example.com/either"}
    post:
      x-amazon-apigateway-integration: {type: http_proxy, httpMethod: POST, uri: "https://b.example.com/either"}
  /whole: !If [Wanted, {get: {}}, !Ref "AWS::NoValue"]
  /pool:
    get:
      security: [{pool: []}]
      x-amazon-apigateway-integration: {type: http_proxy, httpMethod: GET, uri: "https://b.example.com/pool"}
  /tokens:
    get:
      security: [{tokens: []}]
      x-amazon-apigateway-integration: {type: http_proxy, httpMethod: GET, uri: "https://b.example.com/tokens"}
  /known:
    get:
      security: [{known: []}]
      x-amazon-apigateway-integration: {type: http_proxy, httpMethod: GET, uri: !Sub "https://${AWS::Region}.example.com/known"}
`

// TestSAM imports a template's document: what is known of the account is filled in,
// functions are called by their names in the template, and what hangs on anything else
// is refused alone, with its line.
func TestSAM(t *testing.T) {
	t.Parallel()
	o := importer.Options{AWS: importer.AWS{Region: "eu-west-1", Account: "123456789012"}, SkipRefused: true}
	p, report, errs := oas.Import([]byte(sam), o, importer.Present{})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if report.Blocked(&o) {
		t.Errorf("the whole document is refused")
	}
	got := map[string]string{}
	for _, r := range p.Routes {
		what := r.Upstream
		if len(r.Policies) == 1 && r.Policies[0].Type == "mock" {
			what = "closed"
		}
		if r.Integration != nil {
			var c struct{ Function string }
			if err := json.Unmarshal(r.Integration.Config, &c); err != nil {
				t.Fatal(err)
			}
			what = c.Function
		}
		got[strings.Join(r.Match.Methods, ",")+" "+r.Match.Path] = what
	}
	arn := "arn:aws:lambda:eu-west-1:123456789012:function:"
	want := map[string]string{
		"GET /region": arn + "region", "GET /logical": arn + "ListFunction", "POST /logical": arn + "SaveFunction:live", "GET /named": arn + "NamedFunction",
		"GET /joined": arn + "JoinedFunction", "GET /referred": arn + "ReferredFunction", "POST /either": "b-example-com", "GET /known": "eu-west-1-example-com",
		"GET /alias": "closed", "GET /imported": "closed", "GET /either": "closed", " /whole": "closed", "GET /pool": "closed", "GET /tokens": "closed",
	}
	if !maps.Equal(got, want) {
		t.Errorf("routes %v\nwant %v", got, want)
	}
	line := func(text string) int { return 1 + strings.Count(sam[:strings.Index(sam, text)], "\n") }
	for _, c := range []struct {
		level importer.Level
		line  int
		text  string
	}{
		{importer.Approximated, line("title:"), "${AWS::StackName}"},
		{importer.Approximated, line("version:"), "${ApiVersion}"},
		{importer.Approximated, line("credentials:"), ""},
		{importer.Approximated, line("uri: !Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${ListFunction"), "ListFunction"},
		{importer.Refused, line("uri: !Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Alias"), "nobody said what ${Alias} is"},
		{importer.Refused, line("uri: !ImportValue") /* in braces */, "Fn::ImportValue"},
		{importer.Refused, line("security: !If"), "Fn::If of CloudFormation"},
		{importer.Refused, line("/whole:"), "Fn::If of CloudFormation"},
		{importer.Refused, line("security: [{pool"), "audiences"},
		{importer.Refused, line("security: [{tokens"), "${UserPool}"},
	} {
		if !slices.ContainsFunc(report.Rows, func(r importer.Row) bool {
			return r.Level == c.level && r.Line == c.line && strings.Contains(r.What+": "+r.Why, c.text)
		}) {
			t.Errorf("no row %s of line %d with %q", c.level, c.line, c.text)
		}
	}
	if t.Failed() {
		for _, r := range report.Rows {
			t.Logf("%+v", r)
		}
	}
	// Without the account, functions have names; without the region, nobody can call them.
	p, _, _ = oas.Import([]byte(sam), importer.Options{AWS: importer.AWS{Region: "eu-west-1"}, SkipRefused: true}, importer.Present{})
	js, err := json.Marshal(p.Routes)
	if err != nil || !strings.Contains(string(js), `"function":"ListFunction"`) || !strings.Contains(string(js), `"region":"eu-west-1"`) {
		t.Errorf("without the account: %v %s", err, js)
	}
	p, _, _ = oas.Import([]byte(sam), importer.Options{SkipRefused: true}, importer.Present{})
	for _, r := range p.Routes {
		if r.Integration != nil {
			t.Errorf("without the region: %+v", r)
		}
	}
}
