// Package websockethttp is the integration websocket_http: the edge ends a client's
// WebSocket, and its backend is asked over plain HTTP. The handshake, each message
// and the end of the connection become a POST to an upstream of the gateway; what
// the upstream answers to a message goes back as one.
//
// It keeps nothing between connections. What a connection's calls tell of the
// caller is put together at the handshake, whose exchange they outlive. Frames,
// limits of the route and the edge's own reasons to close are the engine's.
package websockethttp
