// Package responseheaders is the policy "response_headers": it removes, sets and
// adds header fields of the answer.
//
// It runs in the first phase, so that on the way back it is the last to see an
// answer: the backend's, the cache's, and the edge's own errors. Values are
// literal or hold fixed variables (package template); a secret can't stand in an
// answer. Fields that frame the message or that the edge itself vouches for can't
// be touched.
package responseheaders
