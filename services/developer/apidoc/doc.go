// Package apidoc makes and checks the OpenAPI documents that developer portals
// show: one generated from a gateway's routes, or one that its owner uploaded.
//
// A generated document says what the gateway itself knows: paths, methods,
// parameters, which credentials a call needs, and every error that the edge can
// answer with, by its stable code, with the header fields that go with it. What
// backends take and give is theirs to document, in an upload.
//
// An uploaded document is read without any network: references must stay inside
// it. Its servers are replaced by the gateway's own address, so that whoever tries
// a call goes through the edge.
//
// Both functions are pure: bytes in, bytes out.
package apidoc
