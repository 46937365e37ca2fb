// Package conformance sends raw bytes to a real edge and looks at what reached a
// raw backend: the rows of the bad-input matrix (request smuggling, request line
// and header fields, target canonicalisation, host selection, forwarded fields).
// Rows lists them all; TestRows has a subtest for each, which bears its id. What is
// refused must not reach the backend.
package conformance
