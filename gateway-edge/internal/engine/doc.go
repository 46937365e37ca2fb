// Package engine carries requests through the edge: it reads them, finds their
// gateway and route, runs the policy chain, forwards them with tries, failover
// and retries, and writes the answer.
//
// Two engines share everything but the client's side. conn is HTTP/1.1 (over
// clear text and TLS): one goroutine a connection and the codec of package gate,
// with texts that lie in the connection's buffer. std is HTTP/2 through
// net/http's server and HTTP/3 through quic-go's: the same exchange filled from an
// http.Request. A job is one request under way in either; client is what the two differ in, origin what
// HTTP/1.1 and HTTP/2 backends differ in.
//
// The rules it keeps are those of policy's documentation: one owner of an
// exchange at a time, nothing moved or reused before the last OnDone, no policy
// left without its OnDone, whatever fails. There is one writer of errors
// (problem.go) and one place that counts (account.go).
//
// Time limits are one atomic store a phase, read by a sweeper (Run) ten times a
// second, which wakes the socket; the same sweep sees clients that have reset
// their connection while their backend is silent.
package engine
