package oas_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/importer"
	"github.com/tollgate/tollgate/services/importer/oas"
)

type fields = map[string]any

// awsShape is a document of the kind that Amazon API Gateway exports, or that people
// write for it: an origin, the integrations of its operations, and what else it has.
type awsShape struct {
	name    string
	origin  func(paths, root fields) fields
	paths   fields
	root    fields
	yaml    bool
	refused string // in a row; "": nothing is
	routes  int    // with what is refused left out
	stops   bool   // what is refused can't be left out
}

// Origins.
func exportedREST3(paths, root fields) fields {
	return with(fields{
		"openapi": "3.0.1", "info": fields{"title": "api", "version": "2026-09-04T09:48:04Z"},
		"servers": []any{fields{"url": "https://abc123.execute-api.us-east-1.amazonaws.com/{basePath}", "variables": fields{"basePath": fields{"default": "/dev"}}}},
		"paths":   paths, "components": fields{"schemas": fields{"Empty": fields{"title": "Empty Schema", "type": "object"}}},
	}, root)
}

func exportedREST2(paths, root fields) fields {
	return with(fields{
		"swagger": "2.0", "info": fields{"title": "api", "version": "2026-09-04T09:48:04Z"}, "host": "abc123.execute-api.us-east-1.amazonaws.com",
		"basePath": "/prod", "schemes": []any{"https"}, "paths": paths, "definitions": fields{"Empty": fields{"type": "object", "title": "Empty Schema"}},
	}, root)
}

func exportedHTTP(paths, root fields) fields {
	return with(fields{
		"openapi": "3.0.1", "info": fields{"title": "api", "version": "2026-09-17 12:44:11UTC"},
		"servers": []any{fields{"url": "https://abc123.execute-api.us-east-1.amazonaws.com/{basePath}", "variables": fields{"basePath": fields{"default": ""}}}},
		"paths":   paths, "x-amazon-apigateway-importexport-version": "1.0",
	}, root)
}

// handWritten has no more than what AWS asks for.
func handWritten(paths, root fields) fields {
	return with(fields{"openapi": "3.0.1", "info": fields{"title": "api"}, "paths": paths}, root)
}

func handWritten2(paths, root fields) fields {
	return with(fields{"swagger": 2.0, "info": fields{"title": "api"}, "paths": paths}, root)
}

func with(a, b fields) fields {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

// Operations.
func operation(integration fields, more ...fields) fields {
	out := fields{"responses": fields{"200": fields{"description": "200 response"}}, "x-amazon-apigateway-integration": integration}
	for _, m := range more {
		maps.Copy(out, m)
	}
	return out
}

func bare(integration fields, more ...fields) fields {
	out := operation(integration, more...)
	delete(out, "responses")
	return out
}

var (
	integrateREST = fields{
		"type": "aws_proxy", "httpMethod": "POST", "uri": lambdaURI, "responses": fields{"default": fields{"statusCode": "200"}},
		"passthroughBehavior": "when_no_match", "contentHandling": "CONVERT_TO_TEXT", "timeoutInMillis": 29000,
	}
	integrateHTTP = fields{"payloadFormatVersion": "2.0", "type": "aws_proxy", "httpMethod": "POST", "uri": lambdaURI, "connectionType": "INTERNET"}
	integrateSub  = fields{
		"type": "aws_proxy", "httpMethod": "POST",
		"uri": fields{"Fn::Sub": "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/arn:aws:lambda:${AWS::Region}:${AWS::AccountId}:function:f/invocations"},
	}
	integrateLogical = fields{"type": "aws_proxy", "httpMethod": "POST", "uri": fields{"Fn::Sub": "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${ListFunction.Arn}/invocations"}}
	integrateTables  = fields{"type": "aws", "httpMethod": "POST", "uri": "arn:aws:apigateway:us-east-1:dynamodb:action/GetItem", "credentials": "arn:aws:iam::123456789012:role/r", "requestTemplates": fields{"application/json": `{"TableName": "t"}`}, "responses": fields{"default": fields{"statusCode": "200"}}}
	integrateVTL     = fields{"type": "aws", "httpMethod": "POST", "uri": lambdaURI, "requestTemplates": fields{"application/json": "#set($a = $input.params())\n{}"}, "passthroughBehavior": "when_no_templates", "responses": fields{"default": fields{"statusCode": "200"}}}
	integrateObjects = fields{"type": "aws", "httpMethod": "GET", "uri": "arn:aws:apigateway:us-east-1:s3:path/bucket/{key}", "credentials": "arn:aws:iam::123456789012:role/r", "requestParameters": fields{"integration.request.path.key": "method.request.querystring.key"}, "responses": fields{"default": fields{"statusCode": "200"}, "4\\d{2}": fields{"statusCode": "400"}}}
	integrateEvents  = fields{"type": "aws_proxy", "integrationSubtype": "EventBridge-PutEvents", "credentials": "arn:aws:iam::123456789012:role/r", "requestParameters": fields{"Detail": "$request.body.Detail"}, "payloadFormatVersion": "1.0", "connectionType": "INTERNET"}
	integrateCORS    = fields{
		"type": "mock", "requestTemplates": fields{"application/json": `{"statusCode": 200}`}, "passthroughBehavior": "when_no_match",
		"responses": fields{"default": fields{"statusCode": "200", "responseParameters": fields{
			"method.response.header.Access-Control-Allow-Methods": "'GET,OPTIONS'", "method.response.header.Access-Control-Allow-Origin": "'*'",
		}}},
	}
)

func proxied(path string, more ...fields) fields {
	out := fields{"type": "http_proxy", "httpMethod": "ANY", "uri": "https://backend.example.com" + path, "connectionType": "INTERNET", "timeoutInMillis": 30000}
	for _, m := range more {
		maps.Copy(out, m)
	}
	return out
}

func secured(name string, scheme fields) fields {
	return fields{"components": fields{"securitySchemes": fields{name: scheme}}}
}

func authorized(kind string, authorizer fields) fields {
	return fields{"type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": kind, "x-amazon-apigateway-authorizer": authorizer}
}

var (
	openEnd  = fields{"parameters": []any{fields{"name": "proxy", "in": "path", "required": true, "schema": fields{"type": "string"}}}}
	openEnd2 = fields{"parameters": []any{fields{"name": "proxy", "in": "path", "required": true, "type": "string"}}}
	keyed    = fields{"security": []any{fields{"api_key": []any{}}}}
	apiKey   = fields{"type": "apiKey", "name": "x-api-key", "in": "header"}
	guarded  = fields{"security": []any{fields{"auth": []any{}}}}
	anyAt    = "x-amazon-apigateway-any-method"
)

// awsShapes are the shapes of documents that public repositories have: exports of
// REST and HTTP APIs, bodies of Terraform resources, templates of CloudFormation.
func awsShapes() []awsShape {
	get := func(op fields) fields { return fields{"/hello": fields{"get": op}} }
	return []awsShape{
		{name: "REST, a function", origin: exportedREST3, paths: get(operation(integrateREST)), routes: 1},
		{name: "REST in Swagger, a function", origin: exportedREST2, paths: get(operation(integrateREST)), routes: 1},
		{name: "REST, preflight by a mock", origin: exportedREST3, paths: fields{"/todos": fields{"get": operation(integrateREST), "post": operation(integrateREST), "options": operation(integrateCORS)}}, routes: 3},
		{name: "REST in Swagger, preflight by a mock", origin: exportedREST2, yaml: true, paths: fields{"/todos": fields{"get": operation(integrateREST), "options": operation(integrateCORS, fields{"consumes": []any{"application/json"}})}}, routes: 2},
		{name: "REST, an open end", origin: exportedREST3, paths: fields{"/{proxy+}": fields{anyAt: operation(integrateREST, openEnd)}}, routes: 1},
		{name: "REST in Swagger, an open end", origin: exportedREST2, paths: fields{"/": fields{anyAt: bare(integrateREST)}, "/{proxy+}": fields{anyAt: bare(integrateREST, openEnd2)}}, routes: 2},
		{name: "REST, cached by its path", origin: exportedREST3, paths: fields{"/{proxy+}": fields{"get": operation(with(integrateREST, fields{"cacheNamespace": "zayh5m", "cacheKeyParameters": []any{"method.request.path.proxy"}}), openEnd)}}, routes: 1},
		{name: "REST, keys", origin: exportedREST3, paths: get(operation(integrateREST, keyed)), root: with(secured("api_key", apiKey), fields{"x-amazon-apigateway-api-key-source": "HEADER"}), routes: 1},
		{name: "REST in Swagger, keys", origin: exportedREST2, paths: get(operation(integrateREST, keyed)), root: fields{"securityDefinitions": fields{"api_key": apiKey}}, routes: 1},
		{name: "REST, validated", origin: exportedREST3, yaml: true, paths: get(operation(integrateREST, fields{
			"parameters":                            []any{fields{"name": "query1", "in": "query", "required": true, "schema": fields{"type": "string"}}},
			"x-amazon-apigateway-request-validator": "Validate body, query string parameters, and headers",
		})), root: fields{"x-amazon-apigateway-request-validators": fields{"Validate body, query string parameters, and headers": fields{"validateRequestBody": true, "validateRequestParameters": true}}}, routes: 1},
		{name: "REST, errors", origin: exportedREST3, paths: get(operation(integrateREST)), root: fields{"x-amazon-apigateway-gateway-responses": fields{
			"BAD_REQUEST_BODY": fields{"statusCode": 400, "responseParameters": fields{"gatewayresponse.header.ERROR_TYPE": "'BAD_REQUEST'"}, "responseTemplates": fields{"application/json": `{"message":$context.error.messageString}`}},
			"DEFAULT_5XX":      fields{"responseParameters": fields{"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"}},
		}}, routes: 1},
		{name: "REST, binary and compressed", origin: exportedREST3, paths: get(operation(integrateREST)), root: fields{"x-amazon-apigateway-binary-media-types": []any{"image/png"}, "x-amazon-apigateway-minimum-compression-size": 1024}, routes: 1},
		{name: "REST, by address", origin: exportedREST3, paths: get(operation(integrateREST)), root: fields{"x-amazon-apigateway-policy": fields{"Version": "2012-10-17", "Statement": []any{
			fields{"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*", "Condition": fields{"IpAddress": fields{"aws:SourceIp": []any{"203.0.113.0/24"}}}},
		}}}, routes: 1},
		{name: "REST, private", origin: exportedREST3, paths: get(operation(integrateREST)), root: fields{"x-amazon-apigateway-policy": fields{"Statement": []any{
			fields{"Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*", "Condition": fields{"StringNotEquals": fields{"aws:SourceVpce": "vpce-1"}}},
		}}, "x-amazon-apigateway-endpoint-configuration": fields{"vpcEndpointIds": []any{"vpce-1"}}}, refused: "x-amazon-apigateway-policy", stops: true},
		{name: "REST, a user pool", origin: exportedREST3, paths: get(operation(integrateREST, guarded)), root: secured("auth", authorized("cognito_user_pools", fields{"type": "cognito_user_pools", "providerARNs": []any{"arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_X"}})), refused: "cognito-idp.us-east-1"},
		{name: "REST, an authorizer", origin: exportedREST3, paths: get(operation(integrateREST, guarded)), root: secured("auth", authorized("custom", fields{"type": "token", "authorizerUri": lambdaURI, "authorizerResultTtlInSeconds": 300})), refused: "a Lambda function decides who may call"},
		{name: "REST, IAM", origin: exportedREST3, paths: get(operation(integrateREST, fields{"x-amazon-apigateway-auth": fields{"type": "AWS_IAM"}})), refused: "AWS_IAM"},
		{name: "REST, a table", origin: exportedREST3, paths: fields{"/a": fields{"get": operation(integrateTables)}, "/b": fields{"get": operation(integrateREST)}}, refused: "calls a service of AWS", routes: 1},
		{name: "REST, templates", origin: exportedREST3, yaml: true, paths: fields{"/a": fields{"get": operation(integrateVTL)}, "/b": fields{"get": operation(integrateREST)}}, refused: "GET /a", routes: 1},
		{name: "REST, objects", origin: exportedREST2, paths: fields{"/a": fields{"get": operation(integrateObjects)}, "/b": fields{"get": operation(integrateREST)}}, refused: "calls a service of AWS", routes: 1},
		{name: "REST, documented", origin: exportedREST3, paths: get(operation(integrateREST)), root: fields{
			"x-amazon-apigateway-documentation": fields{"version": "1", "documentationParts": []any{}}, "tags": []any{fields{"name": "team", "x-amazon-apigateway-tag-value": "a"}},
		}, routes: 1},
		{name: "HTTP, functions", origin: exportedHTTP, paths: fields{"/hello": fields{"get": operation(integrateHTTP), "post": operation(integrateHTTP)}}, routes: 2},
		{name: "HTTP, any method of a backend", origin: exportedHTTP, paths: fields{"/clients": fields{anyAt: fields{"responses": fields{}, "x-amazon-apigateway-integration": proxied("/clients/")}}}, routes: 1},
		{name: "HTTP, the default route", origin: exportedHTTP, paths: fields{"/$default": fields{anyAt: with(operation(integrateHTTP), fields{"isDefaultRoute": true})}}, routes: 1},
		{name: "HTTP, CORS and tokens", origin: exportedHTTP, paths: get(operation(integrateHTTP, guarded)), root: with(secured("auth", fields{"type": "oauth2", "flows": fields{}, "x-amazon-apigateway-authorizer": fields{
			"type": "jwt", "identitySource": "$request.header.Authorization", "jwtConfiguration": fields{"issuer": "https://id.example.com", "audience": []any{"api"}},
		}}), fields{"x-amazon-apigateway-cors": fields{"allowOrigins": []any{"https://a.example.com"}, "allowMethods": []any{"GET"}, "maxAge": 300}}), routes: 1},
		{name: "HTTP, shared integrations", origin: exportedHTTP, paths: get(operation(fields{"$ref": "#/components/x-amazon-apigateway-integrations/f"})), root: fields{"components": fields{"x-amazon-apigateway-integrations": fields{"f": integrateHTTP}}}, routes: 1},
		{name: "HTTP, events", origin: handWritten, paths: fields{"/": fields{"post": operation(integrateEvents)}, "/b": fields{"get": operation(integrateHTTP)}}, refused: "EventBridge-PutEvents", routes: 1},
		{name: "HTTP, a private backend", origin: exportedHTTP, paths: fields{"/a": fields{"get": operation(proxied("/a", fields{"connectionType": "VPC_LINK", "connectionId": "v"}))}, "/b": fields{"get": operation(integrateHTTP)}}, refused: "VPC link", routes: 1},
		{name: "a template, substituted", origin: handWritten, yaml: true, paths: get(operation(integrateSub)), routes: 1},
		{name: "a template, by a logical name", origin: handWritten, yaml: true, paths: fields{"/a": fields{"get": operation(integrateLogical)}, "/b": fields{"get": operation(integrateSub)}}, routes: 2},
		{name: "a body, backends", origin: handWritten, paths: fields{"/health": fields{"get": bare(proxied("/health", fields{"httpMethod": "GET"}))}, "/users/{id}": fields{"get": bare(proxied("/v1/users/{id}", fields{"httpMethod": "GET", "requestParameters": fields{"integration.request.path.id": "method.request.path.id"}}))}}, routes: 2},
		{name: "a body, numbers for texts", origin: handWritten2, yaml: true, paths: get(bare(with(integrateHTTP, fields{"payloadFormatVersion": 2.0}))), routes: 1},
	}
}

// text is the document as its origin writes it.
func (s *awsShape) text(t *testing.T) string {
	t.Helper()
	doc := s.origin(s.paths, s.root)
	if s.yaml {
		b, err := yaml.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	b, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(b), `": `, `" : `)
}

// extensionsOf are the pointers of a document's extensions.
func extensionsOf(v any, at string) (out []string) {
	switch v := v.(type) {
	case []any:
		for i, e := range v {
			out = append(out, extensionsOf(e, at+contract.Pointer(i))...)
		}
	case fields:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			below := at + contract.Pointer(name)
			if strings.HasPrefix(name, "x-amazon-apigateway-") {
				out = append(out, below)
			}
			out = append(out, extensionsOf(v[name], below)...)
		}
	}
	return out
}

// TestAWSShapes imports documents of all the shapes that are met: what can't be
// carried over is refused, and no extension is dropped without a row.
func TestAWSShapes(t *testing.T) {
	t.Parallel()
	shapes := awsShapes()
	if len(shapes) < 30 {
		t.Fatalf("%d shapes", len(shapes))
	}
	levels := map[importer.Level]int{}
	extensions := 0
	for _, s := range shapes {
		text := s.text(t)
		o := importer.Options{AWS: importer.AWS{Region: "us-east-1", Account: "123456789012"}}
		p, report, errs := oas.Import([]byte(text), o, importer.Present{})
		if len(errs) > 0 {
			t.Errorf("%s: %v", s.name, errs)
			continue
		}
		for _, r := range report.Rows {
			levels[r.Level]++
		}
		for _, at := range extensionsOf(s.origin(s.paths, s.root), "") {
			extensions++
			if !slices.ContainsFunc(report.Rows, func(r importer.Row) bool { return r.Pointer == at || strings.HasPrefix(r.Pointer, at+"/") }) {
				t.Errorf("%s: %s is not in the report", s.name, at)
			}
		}
		refused := said(text, o, importer.Present{})
		if s.refused == "" && refused != "" || !strings.Contains(refused, s.refused) {
			t.Errorf("%s: refused: %q, want %q", s.name, refused, s.refused)
		}
		o.SkipRefused = true
		if stops := report.Blocked(&o); stops != s.stops {
			t.Errorf("%s: stops: %v, want %v", s.name, stops, s.stops)
		}
		if !s.stops && len(p.Routes) != s.routes {
			t.Errorf("%s: %d routes, want %d", s.name, len(p.Routes), s.routes)
		}
	}
	said := []string{}
	for _, l := range slices.Sorted(maps.Keys(levels)) {
		said = append(said, fmt.Sprintf("%d %s", levels[l], l))
	}
	t.Logf("%d documents, %d extensions, rows: %s", len(shapes), extensions, strings.Join(said, ", "))
}
