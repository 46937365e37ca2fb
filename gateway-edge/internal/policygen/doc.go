// Command policygen writes what follows from the folders of policies, so that a
// new policy is one folder and no line elsewhere:
//
//	go run ./internal/policygen              write everything anew
//	go run ./internal/policygen -check       fail and name what is stale
//	go run ./internal/policygen -new my_type write the skeleton of a new policy
//
// It runs inside the module gateway-edge or at the root of the repository
// (`make gen`, `make policy NAME=my_type`). A folder gateway-edge/policy/X with a
// schema.json is a policy; its type and phase stand in the schema ("x-type",
// "x-phase"; the kit's test holds them to the descriptor). Written are
//
//	gateway-edge/policy/builtin/list_gen.go        descriptors in their order
//	gateway-edge/policy/builtin/catalogue_gen.json what GET /v1/policies answers
//	portal/docs/policies/*.md, portal/docs/errors.md, and the policies' part of
//	portal/docs/nav.json
//
// The output depends on the files alone: the same folders give the same bytes.
package main
