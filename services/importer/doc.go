// Package importer has what every import has in common: what comes in (a text,
// options, the gateway as it is), and what comes out (parts of a gateway's
// configuration, and a report of what was taken over, approximated and refused, each
// with its line).
//
// Packages oas and nginx read the formats. They are pure functions: nothing is
// fetched, stored or looked up, and the same input gives the same output.
// services/gateway merges the parts into a gateway and checks the whole.
//
// An import must never end in a route that lets in more callers than its text does:
// what can't be carried over with all its protection is refused.
package importer
