// Package confsync keeps the edge's configuration and keys in step with the
// control plane through Redis, and tells the control plane how far it is.
//
// One loop reads the change stream from the edge's own position. It applies key
// notices inline, at once, and hands everything else to fetchers: it never
// fetches or compiles. Fetchers read documents, which the snapshot store verifies
// and compiles, those named by a notice first, those found by a resynchronisation
// at a bounded rate. A tracker lets the applied revision rise in order only: a
// revision counts when it and all before it are in force, and revocations also
// durable.
//
// Another loop reads the signed head each second. Its revision shows a gap that
// the stream does not, its lineage a restored database, its root of digests, each
// minute, a change that was lost without a trace. Any doubt ends in a
// resynchronisation: read the whole index, compare, fetch what differs, and have
// every key confirmed on its next use.
//
// Rules: what is absent from Redis is not deleted; only a signed tombstone
// deletes. A lower revision of the same lineage is ignored. A new lineage is taken
// only from a signed head that was issued later. An error reply of Redis is an
// outage, never an answer. What does not verify is ignored and counted as
// tampering.
package confsync
