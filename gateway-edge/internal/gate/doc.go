// Package gate is the edge's front door for HTTP/1.1: it parses request and
// response heads and chunked bodies strictly, in place, without allocating, and
// refuses what is malformed or what two parsers could read differently
// (RFC 9110, RFC 9112).
//
// ParseRequest fills an exchange's request from bytes that stay where they are;
// the same checks serve engines that got their fields from elsewhere (Head.Begin,
// Head.Field, Head.Finish). Fields that only concern the connection, that a
// client must not send, or that only a trusted proxy may send never reach the
// exchange. ParseResponse does the same for a backend's head, Chunked for bodies
// of both sides.
//
// The package opens nothing, reads no clock and keeps nothing between calls. A
// refusal is a *Fault with the code to answer and the offset of the byte at
// which it was found; after any Fault the connection must be closed.
package gate
