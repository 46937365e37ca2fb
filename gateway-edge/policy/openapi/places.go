package openapi

// SchemaPlaces are where documents have schemas, in the words of jsonschema.Options.
// Others, such as those of callbacks, are found one by one.
var SchemaPlaces = func() []string {
	out := []string{"components/schemas/*"}
	valued := func(at string) { out = append(out, at+"/schema", at+"/content/*/schema") }
	content := func(at string) { out = append(out, at+"/content/*/schema") }
	for _, at := range []string{"components/parameters/*", "components/headers/*", "components/responses/*/headers/*", "paths/*/parameters/[]", "paths/*/*/parameters/[]", "paths/*/*/responses/*/headers/*"} {
		valued(at)
	}
	for _, at := range []string{"components/requestBodies/*", "components/responses/*", "paths/*/*/requestBody", "paths/*/*/responses/*"} {
		content(at)
	}
	return out
}()
