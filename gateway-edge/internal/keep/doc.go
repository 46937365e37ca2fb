// Package keep holds small values in files that outlive the process, such as the
// key sets of token issuers: an edge that is started while an issuer is away goes
// on serving its tokens.
//
// A value is one file, named by the hash of its tenant and key and sealed with
// the edges' key, so that whoever can write to the disk can't plant one. Values
// are written by Run alone, off every request's way: the newest of a key wins and
// a full disk loses the file, not the request. Files not written for a week are
// removed at start.
package keep
