// Package snapshot holds what the edge serves: host → gateway → compiled form.
//
// A Table maps canonical host names to entries through sharded copy-on-write
// maps: finding one takes no lock and no allocation. An Entry is one gateway; it
// points atomically at its Compiled form, which is immutable and which a request
// pins. A gateway is compiled when its document changes, or on the first request
// after a cold start, and dropped again, least recently used first, when all
// compiled forms together exceed a bound in bytes.
//
// A gateway is compiled alone, under limits of routes, bytes and time, and panics
// are recovered: its bad document never touches another gateway. Where the newest
// document can't be compiled the last good one stays in force and Failed says why.
// A mapped marker names the version being compiled; found set at the next start
// it means that this version killed the process, and it is quarantined.
//
// What must outlive a version (limit cells, pools, health, token caches) does not
// hang on Compiled: it lives in registries by stable ids. An Org holds the
// organization's facts behind one atomic pointer shared by all its gateways.
//
// Documents come in signed, through Gateway and Organization, from whoever
// fetched them; they are verified here. The package knows no Redis, and reads
// time only through Config.Now.
package snapshot
