// Package builtin is the list of all policies: their descriptors in the order of
// their phases, a constructor by type, and the catalogue that GET /v1/policies
// answers with.
//
// list_gen.go and catalogue_gen.json are written by `make gen` from the folders
// beside this one; a test pins their content. Nothing is registered at run time:
// what is not in the list does not exist, and an unknown type is refused, never
// skipped. The edge and the control plane link the same constructors, so that
// what was accepted when it was written compiles where it runs.
//
// The catalogue's schemas and texts are linked only into programs that call
// Catalogue.
package builtin
