// Package connect is the policy "connect": calls of the Connect protocol
// (https://connectrpc.com/docs/protocol) reach a backend that speaks gRPC alone.
//
// Binary messages are passed on as they are: unary ones get gRPC's frame, those of
// streams have it already. Messages in JSON are put into binary form by an uploaded
// schema, and back. The status of a call becomes Connect's error: of a unary call
// the HTTP status and a JSON body, of a stream its last frame.
package connect
