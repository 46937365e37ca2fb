// Package scan reads bodies of requests piece by piece and holds them to limits:
// JSON (RFC 8259), XML 1.0, multipart (RFC 7578, RFC 2046), forms, and the media
// types that say which it is (RFC 9110 8.3).
//
// A scanner builds no tree and keeps no text: what it remembers is bounded by the
// limits, not by the body. It takes pieces of any length, also single bytes, and
// comes to the same verdict for every way of cutting. It is stricter than most
// parsers: what two parsers could read in two ways is a fault.
//
// It is a helper for policies, not a policy. Scanners are kept and reset, and
// allocate nothing once they are warm.
package scan
