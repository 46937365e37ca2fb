// Package protodesc makes schemas of Protocol Buffers from what a tenant uploads:
// a serialized google.protobuf.FileDescriptorSet, or the text of .proto files. The
// policies that translate to gRPC share it.
//
// A file may import the others that came with it and the well-known ones that are
// compiled in (google/protobuf, google/api/annotations, google/api/httpbody,
// google/rpc): nothing is read from a disk or a network. Uploaded copies of those
// are passed over, so that their meaning is always ours.
//
// Everything is bounded: bytes, files, nesting. A Schema is immutable and shares
// nothing with another tenant's.
package protodesc
