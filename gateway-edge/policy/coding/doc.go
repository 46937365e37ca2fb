// Package coding undoes the Content-Encoding of a body for policies that look
// inside (RFC 9110 8.4): gzip, deflate, br and zstd, within bounds on what comes out
// of it and on the room that a decoder takes, so that a small body can't fill the
// memory.
//
// What decoders read in different ways is refused: several codings, text behind
// the compressed data, a second member or frame, deflate without zlib's envelope.
package coding
