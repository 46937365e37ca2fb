// Package gen is generated from api/openapi.yaml: the types of the management
// API and the strict server interface that internal/httpapi implements. Nothing
// in it is edited by hand; `go generate` writes it again.
package gen

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config config.yaml ../../api/openapi.yaml
