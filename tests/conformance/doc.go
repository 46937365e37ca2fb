// Package conformance sends raw bytes to a real edge and looks at what reached a
// raw backend: the rows of the bad-input matrix (request smuggling, request line
// and header fields, target canonicalisation, host selection, forwarded fields).
// Each subtest bears its row's id. What is refused must not reach the backend.
package conformance
