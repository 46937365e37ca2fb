// Package requestheaders is the policy "request_headers": it removes, sets and
// adds header fields of the request that is sent on.
//
// Values are literal, hold fixed variables (package template), or are secrets of
// the gateway, resolved when the configuration is compiled. Fields that frame the
// message or that the edge itself vouches for can't be touched.
package requestheaders
