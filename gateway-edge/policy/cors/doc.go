// Package cors is the policy "cors": cross-origin resource sharing of the Fetch
// standard (https://fetch.spec.whatwg.org/#http-cors-protocol), decided at the
// edge.
//
// Preflights are answered here, before authentication, since browsers send them
// without credentials. On every other answer, errors of the edge included, the
// backend's own Access-Control fields are replaced: two sources of them are a
// common way to allow more than was meant. Credentials are never combined with
// a wildcard; New refuses it.
package cors
