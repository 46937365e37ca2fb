package apidoc

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/openapi"
)

// MaxDocument bounds an uploaded document, in bytes.
const MaxDocument = openapi.MaxBytes

// Checked is an uploaded document that may be shown.
type Checked struct {
	JSON       []byte // with the gateway's own server
	Title      string
	Operations int
}

// Check reads an OpenAPI document (3.0, 3.1) in JSON or YAML. It refuses what is not
// valid, each problem named with its place, and references that leave the document.
func Check(ctx context.Context, text []byte, gatewayURL string) (*Checked, error) {
	read, errs := openapi.Read(text)
	if len(errs) > 0 {
		for i := range errs {
			errs[i].Pointer = "/document" + errs[i].Pointer
		}
		return nil, core.Invalid(errs)
	}
	loader := openapi3.NewLoader()
	loader.Context = ctx
	loader.IsExternalRefsAllowed = false
	loader.ReadFromURIFunc = func(*openapi3.Loader, *url.URL) ([]byte, error) {
		return nil, errors.New("references must stay inside the document")
	}
	doc, err := loader.LoadFromData(read.JSON)
	if err != nil {
		return nil, bad("can't be read: " + short(err))
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
