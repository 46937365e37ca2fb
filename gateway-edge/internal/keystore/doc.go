// Package keystore knows API keys: records that the control plane wrote to Redis,
// kept here in a slab without pointers (a file in the data directory, mapped), and
// for keys in use a Principal each, found without a lock.
//
// Records reach it in two ways. The stream's notices carry them inline (Apply);
// a key never seen here is read from Redis on its first request (a fill). The
// revocation protocol holds whatever the two interleave like: the control plane
// writes the record before it posts the notice; a notice first raises the kid's
// bucket counter, then marks the key under its shard's lock; a fill notes the
// counter, reads Redis, and installs under the same lock only if the counter is
// unchanged and the version is not below the key's. Versions of keys that are no
// longer active are kept as tombstones, on disk too (Sync), for 30 days, so that
// neither a stale replica nor a restart brings one back.
//
// After a gap in the stream Invalidate makes every record be confirmed on its next
// use, and so does the first start after the machine's: pages of the slab may be
// older than the position in the stream. Renew begins a lineage: versions that were
// known of the former one hold nothing back, but for its revocations. Redis failing
// is never taken for a key that does not exist; a key absent from Redis is unknown
// only where its shard is marked as filled. Keys that turn out unknown are remembered
// for two seconds and limited per client, gateway and edge; known keys never are.
//
// A record's own MAC is checked whenever it comes off the disk or the wire.
package keystore
