// Package jsonschema holds documents to JSON Schemas of tenants (2020-12 and
// draft-07). A schema is compiled once with the configuration; a check names every
// bad field, with a pointer and a reason.
//
// Neither schema nor document may hurt others. No reference leads out of the
// schema: nothing is fetched and no file is read. Regular expressions are RE2.
// Schemas are bounded in size. A schema whose alternatives refer back to
// themselves can take work that grows with every level of a document; the growth
// is computed when it is compiled (cost.go), and a document that would take too
// much is refused unread.
//
// It is a helper for policies, not a policy.
package jsonschema
