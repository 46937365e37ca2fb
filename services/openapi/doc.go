// Package openapi reads OpenAPI documents that people upload: JSON or YAML comes
// in, JSON and what stands in it goes out, or everything that is wrong with it, each
// problem with its place. Nothing is fetched, nothing is ignored.
//
// What a document must be is told by gateway-edge/policy/openapi, the code that
// edges compile it with. The gateway's own document and the reference of a developer
// portal are both read here.
package openapi
