// Package publish carries configuration from the database to the edges and their
// reports back.
//
// Publisher reads the outbox as the one leader (a lease in the database, fenced
// by an epoch), makes each changed gateway's and organization's newest document
// (a pure function of the rows), signs it, keeps the signed bytes in the
// database, gives every notice its revision (strictly rising by one), and writes
// documents, key records, index, notices and the head to Redis through Bus. An
// emptied or aged Redis is noticed by the head and filled again from the
// database. What fails for one gateway is noted and tried again later; it never
// holds up another.
//
// Checker is the dry run: it checks a document with the code that the edge runs
// (gateway-edge/match, compose and the policies' own constructors over Deps that
// refuse use). Status reads the edges' reports: which serve a version, and which
// confirmed a revocation.
//
// The package knows neither SQL nor the Redis client nor HTTP: Store, Bus and
// Reports are its boundaries.
package publish
