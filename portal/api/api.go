package api

import _ "embed"

// Document is openapi.yaml (OpenAPI 3.0).
//
//go:embed openapi.yaml
var Document []byte
