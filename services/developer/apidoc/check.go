package apidoc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// MaxDocument bounds an uploaded document, in bytes.
const MaxDocument = 1 << 20

// Checked is an uploaded document that may be shown.
type Checked struct {
	JSON       []byte // with the gateway's own server
	Title      string
	Operations int
}

// Check reads an OpenAPI 3 document in JSON or YAML. It refuses what is not
// valid, and references that leave the document.
func Check(ctx context.Context, text []byte, gatewayURL string) (*Checked, error) {
	if len(text) > MaxDocument {
		return nil, bad(fmt.Sprintf("is %d bytes, at most %d are allowed", len(text), MaxDocument))
	}
	loader := openapi3.NewLoader()
	loader.Context = ctx
	loader.IsExternalRefsAllowed = false
	loader.ReadFromURIFunc = func(*openapi3.Loader, *url.URL) ([]byte, error) {
		return nil, errors.New("references must stay inside the document")
	}
	doc, err := loader.LoadFromData(text)
	if err != nil {
		return nil, bad("can't be read: " + short(err))
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.") {
		return nil, bad("must be OpenAPI 3: it has no `openapi: 3.…`")
	}
	if err := doc.Validate(ctx, openapi3.DisableExamplesValidation()); err != nil {
		return nil, bad("is not valid: " + short(err))
	}
	out := &Checked{Title: doc.Info.Title}
	doc.Servers = openapi3.Servers{{URL: gatewayURL}}
	for _, item := range doc.Paths.Map() {
		item.Servers = nil
		for _, op := range item.Operations() {
			op.Servers = nil
			out.Operations++
		}
	}
	if out.JSON, err = json.Marshal(doc); err != nil {
		return nil, bad("can't be written as JSON: " + short(err))
	}
	return out, nil
}

func bad(detail string) error {
	return core.Invalid(contract.FieldErrors{{Pointer: "/document", Detail: detail}})
}

// short is the beginning of what a library says, on one line.
func short(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > 400 {
		text = strings.ToValidUTF8(text[:400], "") + " …"
	}
	return text
}
