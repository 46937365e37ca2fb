// Package contract holds everything that crosses Redis between the control
// plane and the edges: the signed gateway and organization documents, key
// records, change notices, usage batches, edge reports, log records and explain
// questions, with the names of the Redis keys that carry them and the table of
// error codes that an edge may answer with.
//
// It imports the standard library only, opens no connection, reads no clock and
// starts no goroutine: bytes go in, values come out, and the other way round.
// No other package spells a Redis key or a wire field.
//
// Every decoder treats its input as hostile: it is bounded, refuses what it does
// not know (an unknown field, kind or schema is an error, never skipped) and
// returns an error that says what was wrong. Bytes of every released version
// are kept in testdata and decode for ever; schema.go has the dated history.
package contract
