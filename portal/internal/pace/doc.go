// Package pace bounds how often something is done under a key: a token bucket a
// key, in memory, so each process of the portal counts by itself.
//
// It is for work that is cheap to refuse and needs no memory over a restart, such
// as test requests. Guesses of passwords are counted in the database instead. The
// number of keys is bounded: buckets that are full again are forgotten, and when
// there are still too many, unknown keys are refused.
package pace
