// Package localredis gives `tollgate up` a Redis when the operator has none: a
// redis-server from the PATH as a child on a socket in the data directory, else
// miniredis inside the process, as a labelled trial store.
//
// Everything else speaks to either through the ordinary client; there is no
// second code path. The database is the truth: what a local store loses comes
// back from it. It is never used by several processes: `up` alone may.
package localredis
