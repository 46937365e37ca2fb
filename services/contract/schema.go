package contract

// SchemaVersion is the version of everything in this package that crosses
// Redis. An edge refuses a document whose schema is newer than its own; the
// publisher refuses to send one that a live edge could not read.
//
// History, newest last (a test parses this list):
//
//	1  2026-11-22  first version
//	2  2026-11-22  key records carry a key's own limits and may stand for an OIDC
//	   identity; what needs neither is still written as version 1
//	3  2026-11-22  upstreams: least_time, random_of_two, priorities and backups, slow
//	   start, max_requests and queues, sessions, circuit breakers, more of checks (gRPC, UDP),
//	   outlier detection and retries, SRV; routes: WebSockets;
//	   streams, tcp:// and udp:// targets; client
//	   certificates; a gateway's OpenAPI document; server name, least version and client certificate to upstreams; what needs none of it is still version 1
//	4  2026-11-22  gateways: tracing; routes: claims; what has none is still an earlier version
const SchemaVersion = 4

// DocumentSchema is what documents are marked with that need nothing newer
// (DocumentNeeds): so edges and control plane are updated in any order.
const DocumentSchema = 1
