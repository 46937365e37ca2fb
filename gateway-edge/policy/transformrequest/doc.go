// Package transformrequest is the policy "transform_request": it changes the
// method, the target, the header fields and the body of the request that is sent
// on.
//
// The body is changed first, then the fields, then the target and the method, so
// that variables mean the request as it came. A request that can't be changed as it is
// configured is refused, never sent on as it was: what the policy takes away may
// be what the backend must not see.
package transformrequest
