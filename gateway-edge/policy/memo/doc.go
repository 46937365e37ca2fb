// Package memo remembers verdicts on credentials: a table keyed by a SHA-256,
// read without a lock and without allocation, bounded in entries and in bytes.
//
// What an entry says, and until when it stands, is its policy's; the table asks it
// and makes room by dropping those that no longer stand first, then others. A
// credential itself is never kept, only its hash (Key), which is made of parts
// with their lengths so that no two tuples read alike (JWT14).
//
// It is a helper for policies, not a policy. It has no clock: callers pass the
// time.
package memo
