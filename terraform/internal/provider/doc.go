// Package provider is the Terraform provider: what a team manages at Tollgate, as
// resources, data sources and ephemeral resources. It speaks the management API
// through portal/client and knows no table and no Redis key.
//
// A resource is a kind: its attributes come from the API's own schemas by package
// shape, its calls are functions of the generated client, and kind.go does the rest.
// One file a resource. Secrets come in as write-only arguments or go out of
// ephemeral resources; none may ever stand in a plan, a state or a log.
package provider
