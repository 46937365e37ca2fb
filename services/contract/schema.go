package contract

// SchemaVersion is the version of everything in this package that crosses
// Redis. An edge refuses a document whose schema is newer than its own; the
// publisher refuses to send one that a live edge could not read.
//
// History, newest last (a test parses this list):
//
//	1  2026-11-22  first version
const SchemaVersion = 1
