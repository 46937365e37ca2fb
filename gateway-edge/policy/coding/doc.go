// Package coding undoes the Content-Encoding of a request's body for policies
// that look inside (RFC 9110 8.4): gzip, within bounds on what comes out of it, so
// that a small body can't fill the memory.
//
// What decoders read in different ways is refused: several codings, text behind
// the compressed data, a second member.
package coding
