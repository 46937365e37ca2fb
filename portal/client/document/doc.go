// Package document reads what people write for the command line and the Terraform
// provider: YAML of one or several documents, or JSON, as trees that know their lines,
// and turns them into the JSON that the API takes.
//
// Everything that is read is bounded (size, depth, nodes after aliases are followed),
// a key that stands twice is refused, and what YAML would make of a plain word beyond
// JSON's types (a date, say) stays the text that was written.
package document
