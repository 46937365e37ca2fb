// Package grpctranscode is the policy "grpc_transcode": it answers REST requests
// with a backend that speaks gRPC.
//
// The rules are those of google.api.http, read from an uploaded schema when the
// configuration is compiled. A request becomes one framed message (or, where the
// method takes a stream, one for each line of JSON), the method's path, and POST;
// the engine sends it over HTTP/2. The answer of a unary method is collected and
// becomes JSON with the HTTP status of its google.rpc.Code; a stream of answers
// goes on as server-sent events or as lines of JSON while it comes.
//
// Calls that are gRPC, gRPC-Web or Connect already pass untouched.
package grpctranscode
