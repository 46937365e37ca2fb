// Package xconnect switches on extended CONNECT (RFC 8441) in net/http's HTTP/2
// server, which WebSockets over HTTP/2 need. It is off there unless GODEBUG holds
// http2xconnect=1 when net/http is initialised, and //go:debug does not take that
// name.
//
// A package is initialised before every other one that is ready to be and whose
// path sorts behind its own: this one imports os alone, so that it comes before
// net/http. It must not import anything else. Package engine's tests notice when
// it stops working.
package xconnect
