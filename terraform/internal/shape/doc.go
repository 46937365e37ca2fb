// Package shape turns the JSON Schemas of the management API and of the policies
// into Terraform attributes, and values of one into values of the other. A resource
// then needs no field by field code, and a new policy none at all.
//
// What may be left out has values that mean the same as leaving it out: the
// schema's default or, without one, the zero value, for the API does not send back
// what is zero. Between such values the package keeps the one that was there, so
// that neither an apply nor an import leaves a difference behind.
//
// It knows JSON Schema and Terraform's types and must not know the API or a
// resource.
package shape
