// Package echo is a backend that answers with what it was sent: for whoever wants
// to see a gateway work before a backend of their own is there.
//
// It listens on an address of its own, so that it shares no origin, cookie or
// handler with the portal, and is an upstream target like any other: the guard
// that judges every target judges it too. It keeps nothing and calls nobody.
// Sizes, times, requests at once and the rate of one gateway are bounded, since
// everybody may point at it.
package echo
