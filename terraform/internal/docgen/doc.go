// Command docgen writes the provider's documentation in the layout of the Terraform
// registry: a page for the provider and for each resource, data source and ephemeral
// resource, made of their schemas and of the examples below examples/. The guides
// below docs/guides are written by hand.
//
//	go run ./internal/docgen        in the module terraform, by make gen
package main
