// Package ws is the WebSocket protocol (RFC 6455) as an intermediary needs it.
//
// A Stream is one direction of a connection: it takes the bytes that a peer
// sends, checks them (framing, masking, reserved bits, control frames, close
// codes, UTF-8, the size of messages, floods of frames that carry nothing) and
// appends what goes on to the other side. Frames go on as they came; one that is
// larger than the caller's buffer goes on as fragments, so that between two
// writes the other side always stands at the end of a frame, where a Close frame
// of the edge's own can follow.
//
// The package opens nothing, reads no clock and starts nothing: package engine
// moves the bytes. Accept, Key and ParseProtocol serve the handshake, Origins the
// rule who may make one from a browser.
package ws
