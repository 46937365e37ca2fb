// Package transformresponse is the policy "transform_response": it changes the
// status, the header fields and the body of a backend's answer.
//
// The edge's own errors are never touched: error_pages is for them. Nor are
// streams of events, partial answers and upgrades. An answer that can't be changed
// as it is configured is refused with 502, never passed as it was: what the policy
// takes away may be what callers must not see.
package transformresponse
