// Package httpwebsocket is the integration http_websocket, the mirror image of
// websocket_http: a plain request becomes a message to a backend that speaks
// WebSocket. The backend's first message is the response, or all of them stream back
// as server-sent events.
//
// Each request has a connection of its own, from the handshake to the answer's end:
// a WebSocket has no place where an answer says which question it answers, nor whose
// it is. Handshakes, frames and bounds are the upstream's Opener's; this package knows
// messages. It keeps nothing but the number of connections that a route has open.
package httpwebsocket
