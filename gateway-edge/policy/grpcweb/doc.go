// Package grpcweb is the policy "grpc_web": browsers' calls of gRPC-Web reach a
// backend that speaks gRPC alone.
//
// Messages have the same frames on both sides. The request is unpacked from base64
// where it came as text; the answer's trailers, which a browser can't see, become
// the last frame of its body (gRPC's PROTOCOL-WEB.md). Everything goes on as it
// comes; nothing is collected.
package grpcweb
