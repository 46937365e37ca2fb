// Package turn bounds work that takes long on a processor, such as hashes of
// passwords and searches through bodies: so much of a kind at a time on the edge, and
// less than that for one gateway, so that what one gateway's callers send neither
// takes the edge from the others nor keeps their work of the same kind waiting for
// more than a turn.
//
// It is a helper for policies, not a policy. It starts nothing: the work is done by
// the request that waited for it, inside Await.
package turn
