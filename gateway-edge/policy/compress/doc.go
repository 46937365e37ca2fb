// Package compress is the policy "compress": it compresses answers on their way to
// callers who can read that: br, zstd, gzip by negotiation (RFC 9110 12.5.3).
//
// It streams: what comes in goes out, nothing is collected, and an answer of
// unknown length is flushed with every piece. Encoders are pooled. What is
// compressed already, partial, marked no-transform, a stream of events, or none of
// the content types passes untouched.
package compress
