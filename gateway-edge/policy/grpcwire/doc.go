// Package grpcwire knows gRPC on the wire, for the policies that translate to it:
// frames of messages, statuses and what HTTP, gRPC-Web and Connect make of them.
//
// Sources: gRPC's PROTOCOL-HTTP2.md and PROTOCOL-WEB.md, the Connect protocol's
// reference, google/rpc/code.proto.
//
// It holds no state and does no network; a Frames belongs to one stream.
package grpcwire
