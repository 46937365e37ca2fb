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
const SchemaVersion = 2

// DocumentSchema is what documents are marked with: the oldest version that can
// read them, so that edges and control plane are updated in any order. Whoever
// adds a field to a document raises it.
const DocumentSchema = 1
