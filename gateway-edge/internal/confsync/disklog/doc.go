// Package disklog keeps an edge's configuration on its own disk: one
// append-only file of records {mark, length, CRC-32C, kind, flags, version, id,
// hosts, sealed document}, from which an edge starts with everything else down.
//
// Each record is encrypted with AES-256-GCM under a key of this edge, with its
// clear part as additional data: neither a file copied from another edge nor an
// edited record opens. A CRC a record, behind a mark that can be searched for,
// makes a damaged record cost that one gateway and nothing else; a torn tail is
// cut off. A file of a newer format or of another edge is moved aside, never
// overwritten.
//
// Append writes through to the operating system, Sync makes it durable and is
// meant to be called once for many appends. The log decides nothing: the caller
// says with Drop which records it no longer needs, and Compact rewrites the
// file, in order, once half of it is garbage. It starts no goroutine.
package disklog
