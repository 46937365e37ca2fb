package builtin

import (
	_ "embed"
	"encoding/json"
)

//go:embed catalogue_gen.json
var catalogue string

// Entry is one policy of the catalogue, as GET /v1/policies answers it.
type Entry struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	Summary string `json:"summary"` // one sentence
	Phase   string `json:"phase"`
	// Schema is the JSON Schema (2020-12) of the policy's config. Its extensions:
	// x-secret (a value that is a reference to a secret), x-ref (a value that
	// names another object of the gateway), x-widget (how a form shows it).
	Schema json.RawMessage `json:"schema"`
	// Documentation is the policy's page for operators, in Markdown.
	Documentation string `json:"documentation"`
}

// Catalogue returns every policy in the order of Ordered. Each call decodes it
// anew; the caller may keep and change the result.
func Catalogue() []Entry {
	var entries []Entry
	if err := json.Unmarshal([]byte(catalogue), &entries); err != nil {
		// The text is part of the program and was decoded by a test.
		panic("builtin: the embedded catalogue is damaged: " + err.Error())
	}
	return entries
}
