// Package ledger keeps what an edge holds and has spent of each quota lease in
// memory-mapped files, so that it survives SIGKILL without a system call a
// request: a lease's words are atomic integers inside the mapping.
//
// A file belongs to one epoch (one run) of one edge: a header of 4 KiB and
// records of 256 bytes, preallocated, because a hole on a full disk would be a
// SIGBUS. A record has the counter's identity, written once with a checksum, and
// one cache line of words. Words are changed in an order that, wherever a kill
// strikes, makes a lease look more spent than it is, never less.
//
// Open reads the files of former epochs: their records say what must be settled
// and claimed. After a loss of power (another boot id without a clean close) the
// page cache's newest words may be missing; such records count as spent up to
// what was granted, as far as they or Redis know. A file is deleted when the periods of all its records have
// ended. When no file can be made, records live in plain memory and Degraded
// says why: counting stays exact, only a kill would strand the leases.
//
// The package opens no connection and starts no goroutine.
package ledger
