// Package document reads and writes the bodies that policies look into: JSON, XML
// and forms. All three become one kind of value: map[string]any, []any, string,
// json.Number, bool and nil.
//
// Readers are strict, because a backend reads the same bytes with another parser:
// whatever two parsers could understand differently is refused (duplicate names,
// byte order marks, other encodings than UTF-8, lone surrogates, numbers beyond a
// double's range, document types and entities in XML, anything behind the end).
// They are bounded in depth, in the number of values and in the length of
// numbers; the length of the whole is the caller's bound. Nothing is fetched and
// nothing of the process is read.
//
// XML and JSON are mapped onto one another without loss; mapping.go says how.
//
// It is a helper for policies, not a policy.
package document
