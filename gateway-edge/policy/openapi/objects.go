package openapi

// objects says what fields each object of the specification has (OpenAPI 3.0.3
// 4.7, 3.1.0 4.8), and what they hold:
//
//	s string    b boolean    a anything
//	name        an object of that kind
//	[name       an array of them
//	{name       a map of them, by any name
//	&name       one of them, or a reference to one
//	!           behind it: the field must be there
//
// Objects whose names of fields are data (paths, responses, callbacks) and schemas
// have functions of their own.
var objects = map[string]map[string]string{
	"document": {
		"openapi": "s!", "info": "info!", "servers": "[server", "paths": "paths", "webhooks": "{&path", "components": "components",
		"security": "[security", "tags": "[tag", "externalDocs": "docs", "jsonSchemaDialect": "s",
	},
	"info": {
		"title": "s!", "version": "s!", "summary": "s", "description": "s", "termsOfService": "s", "contact": "contact", "license": "license",
	},
	"contact":  {"name": "s", "url": "s", "email": "s"},
	"license":  {"name": "s!", "identifier": "s", "url": "s"},
	"server":   {"url": "s!", "description": "s", "variables": "{variable"},
	"variable": {"enum": "[s", "default": "s!", "description": "s"},
	"docs":     {"url": "s!", "description": "s"},
	"tag":      {"name": "s!", "description": "s", "externalDocs": "docs"},
	"components": {
		"schemas": "{&schema", "responses": "{&response", "parameters": "{&parameter", "examples": "{&example", "requestBodies": "{&body",
		"headers": "{&header", "securitySchemes": "{&scheme", "links": "{&link", "callbacks": "{&callback", "pathItems": "{&path",
	},
	"path": {
		"summary": "s", "description": "s", "servers": "[server", "parameters": "[&parameter", "get": "operation", "put": "operation", "post": "operation",
		"delete": "operation", "options": "operation", "head": "operation", "patch": "operation", "trace": "operation",
	},
	"operation": {
		"tags": "[s", "summary": "s", "description": "s", "externalDocs": "docs", "operationId": "s", "parameters": "[&parameter", "requestBody": "&body",
		"responses": "responses", "callbacks": "{&callback", "deprecated": "b", "security": "[security", "servers": "[server",
	},
	"parameter": {
		"name": "s!", "in": "s!", "description": "s", "required": "b", "deprecated": "b", "allowEmptyValue": "b", "style": "s", "explode": "b",
		"allowReserved": "b", "schema": "&schema", "example": "a", "examples": "{&example", "content": "{media",
	},
	"header": {
		"description": "s", "required": "b", "deprecated": "b", "allowEmptyValue": "b", "style": "s", "explode": "b", "allowReserved": "b",
		"schema": "&schema", "example": "a", "examples": "{&example", "content": "{media",
	},
	"body":     {"description": "s", "content": "{media!", "required": "b"},
	"media":    {"schema": "&schema", "example": "a", "examples": "{&example", "encoding": "{encoding"},
	"encoding": {"contentType": "s", "headers": "{&header", "style": "s", "explode": "b", "allowReserved": "b"},
	"response": {"description": "s!", "headers": "{&header", "content": "{media", "links": "{&link"},
	"example":  {"summary": "s", "description": "s", "value": "a", "externalValue": "s"},
	"link":     {"operationRef": "s", "operationId": "s", "parameters": "{a", "requestBody": "a", "description": "s", "server": "server"},
	"scheme": {
		"type": "s!", "description": "s", "name": "s", "in": "s", "scheme": "s", "bearerFormat": "s", "flows": "flows", "openIdConnectUrl": "s",
	},
	"flows":    {"implicit": "flow", "password": "flow", "clientCredentials": "flow", "authorizationCode": "flow"},
	"flow":     {"authorizationUrl": "s", "tokenUrl": "s", "refreshUrl": "s", "scopes": "{s"},
	"security": nil, // a map of lists of scopes
}

// onlyIn31 are fields that version 3.0 does not have.
var onlyIn31 = map[string]bool{
	"document webhooks": true, "document jsonSchemaDialect": true, "info summary": true, "license identifier": true, "components pathItems": true,
}

// methods are the operations that a path may have, in lower case.
var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

// Methods are the methods that a document can describe.
func Methods() []string { return methods }
