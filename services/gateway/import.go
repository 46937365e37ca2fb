package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy/document"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/importer"
	"github.com/tollgate/tollgate/services/importer/nginx"
	"github.com/tollgate/tollgate/services/importer/oas"
	"github.com/tollgate/tollgate/services/openapi"
)

// Formats of imports.
const (
	FormatOpenAPI = "openapi" // OpenAPI 3, Swagger 2, Amazon API Gateway, Tollgate's exports
	FormatNginx   = "nginx"
)

// Import is the input of Service.Import.
type Import struct {
	Gateway string // id or name
	Format  string
	Text    []byte
	Options importer.Options
	Apply   bool
	IfMatch core.IfMatch // on the gateway's version
}

// Imported is what an import would change, or changed.
type Imported struct {
	Version uint64 // the one that it was compared with, or the new one
	Applied bool
	// Blocked says that something was refused: the import can't be applied as it is.
	Blocked bool
	Rows    []importer.Row
	Changes []Change // none where it is blocked before the gateway was looked at
	Config  *Config  // the whole gateway with the import; nil where it is blocked
}

// Import reads a text into a gateway: what it would change, and with Apply changes it,
// all or nothing. A text that can't be read is an error with pointers below /document,
// bad options one with pointers below /options. What is refused is a row; applying
// then is an error that names the refused rows.
func (s *Service) Import(ctx context.Context, org core.OrganizationID, in Import) (*Imported, error) {
	before, version, err := s.Config(ctx, org, in.Gateway)
	if err != nil {
		return nil, err
	}
	if err := in.IfMatch.Check(version); err != nil {
		return nil, err
	}
	if len(in.Text) > openapi.MaxBytes { // which takes much memory: one after the other
		select {
		case s.large <- struct{}{}:
			defer func() { <-s.large }()
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for other imports: %w", ctx.Err())
		}
	}
	present := importer.Present{Policies: before.Policies, Upstreams: before.Upstreams, Routes: before.Routes}
	read := oas.Import
	if in.Format == FormatNginx {
		read = nginx.Import
	}
	parts, report, errs := read(in.Text, in.Options, present)
	if len(errs) > 0 {
		return nil, core.Invalid(errs)
	}
	if errs := in.Options.Check(); len(errs) > 0 { // the defaults
		return nil, core.Invalid(below("/options", errs))
	}
	out := &Imported{Version: version, Rows: report.Rows}
	e := edit{
		gateway: in.Gateway, ifMatch: core.Revision(version), action: "gateway.import", whole: true,
		apply: func(d *draft) error {
			refused := d.config.merge(parts, &in.Options)
			for _, r := range refused {
				report.Add(r)
			}
			return core.Invalid(fieldsOf(refused))
		},
		rebase: func(errs contract.FieldErrors, d *draft) contract.FieldErrors { return placed(errs, d, parts, report) },
	}
	if report.Blocked(&in.Options) {
		out.Blocked = true
		return out.orRefusal(in.Apply)
	}
	if in.Apply {
		done, err := s.change(ctx, org, e)
		if err != nil {
			return out.orRows(err, report, true)
		}
		out.Version, out.Applied, out.Changes, out.Config = done.gateway.Version, true, done.changes, done.config.plain()
		return out, nil
	}
	diff, err := s.preview(ctx, org, in.Gateway, e)
	if err != nil {
		return out.orRows(err, report, false)
	}
	out.Version, out.Changes = diff.Version, diff.Changes
	c := before.clone()
	c.merge(parts, &in.Options)
	out.Config = c.plain()
	return out, nil
}

// orRows turns what is wrong with the gateway after the import into rows, or, where it
// was to be applied, into an error.
func (i *Imported) orRows(err error, report *importer.Report, apply bool) (*Imported, error) {
	var e *core.Error
	if !errors.As(err, &e) || e.Code != core.CodeInvalid || apply {
		return nil, err
	}
	i.Blocked, i.Rows = true, report.Rows
	return i, nil
}

// orRefusal is the error that names what was refused, where the import was to be
// applied.
func (i *Imported) orRefusal(apply bool) (*Imported, error) {
	if !apply {
		return i, nil
	}
	return nil, core.Invalid(fieldsOf(i.Rows))
}

// fieldsOf names what was refused as bad fields of the document; nil: nothing was.
func fieldsOf(rows []importer.Row) error {
	var errs contract.FieldErrors
	for _, r := range rows {
		if r.Level == importer.Refused {
			errs.Add("/document"+r.Pointer, strings.TrimSuffix(fmt.Sprintf("line %d: %s: %s; %s", r.Line, r.What, r.Why, r.Advice), "; "))
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return errs
}

// placed turns pointers into the gateway's document into lines of the text, and adds
// a row for each.
func placed(errs contract.FieldErrors, d *draft, parts *importer.Parts, report *importer.Report) contract.FieldErrors {
	var out contract.FieldErrors
	for _, e := range errs {
		at, name := importer.At{Line: 1}, d.config.place(e.Pointer)
		var kind string
		var n int
		if k, _ := fmt.Sscanf(strings.ReplaceAll(e.Pointer, "/", " "), "%s %d", &kind, &n); k == 2 {
			switch {
			case kind == "routes" && n < len(d.config.Routes):
				at = parts.RouteAt[d.config.Routes[n].Name]
			case kind == "upstreams" && n < len(d.config.Upstreams):
				at = parts.UpstreamAt[d.config.Upstreams[n].Name]
			}
		}
		row := importer.Row{Level: importer.Refused, Pointer: at.Pointer, Line: max(at.Line, 1), What: name, Why: e.Detail}
		report.Add(row)
		out.Add("/document"+at.Pointer, fmt.Sprintf("line %d: %s: %s", row.Line, name, e.Detail))
	}
	report.Sort()
	return out
}

// merge puts parts into a configuration: by name, beside what is there. It returns
// what is refused.
func (c *Config) merge(p *importer.Parts, o *importer.Options) (refused []importer.Row) {
	if len(p.Settings) > 0 {
		var v Settings
		dec := json.NewDecoder(bytes.NewReader(p.Settings))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&v); err != nil {
			refused = append(refused, importer.Row{Level: importer.Refused, Pointer: "/x-tollgate-gateway/settings", Line: 1, What: "the settings", Why: "can't be read: " + err.Error()})
		}
		c.Settings = v
	}
	exact := p.Policies != nil
	if exact {
		was, err := json.Marshal(nonNil(c.Policies))
		is, err2 := json.Marshal(*p.Policies)
		if err != nil || err2 != nil || !sameJSON(was, is) {
			c.Policies = *p.Policies
		}
	}
	remove := o.Existing == "remove"
	mergeParts(&upstreams, c, p.Upstreams, o, remove, p.UpstreamAt, &refused)
	mergeParts(&routes, c, p.Routes, o, remove, p.RouteAt, &refused)
	mergeParts(&usagePlans, c, p.UsagePlans, o, remove && exact, nil, &refused)
	mergeParts(&streams, c, p.Streams, o, remove && exact, nil, &refused)
	if p.OpenAPI != nil {
		c.OpenAPI = p.OpenAPI
	}
	return refused
}

func mergeParts[T any](k *part[T], c *Config, in []T, o *importer.Options, remove bool, at map[string]importer.At, refused *[]importer.Row) {
	list := k.list(c)
	named := make(map[string]int, len(in))
	out := slices.Clone(in)
	for i := range out {
		*k.id(&out[i]), *k.num(&out[i]) = "", 0
		named[*k.name(&out[i])] = i
	}
	kept := make([]T, 0, len(*list)+len(in))
	for _, v := range *list {
		name := *k.name(&v)
		i, there := named[name]
		if there {
			was, err := k.document(v)
			is, err2 := k.document(out[i])
			switch {
			case err == nil && err2 == nil && sameJSON(was, is):
				out[i] = v // in the order in which its fields were written
			case o.OnConflict == "refuse":
				*refused = append(*refused, importer.Row{
					Level: importer.Refused, Pointer: at[name].Pointer, Line: max(at[name].Line, 1), What: k.title + " " + name,
					Why: "the gateway has another one of that name, and the option on_conflict refuses to replace it", Advice: "give it another name, or import with on_conflict: replace",
				})
			}
		}
		if !there && !remove {
			kept = append(kept, v)
		}
	}
	*list = append(kept, out...)
}

// sameJSON reports whether two texts are the same values, in whatever order their
// fields stand.
func sameJSON(a, b json.RawMessage) bool {
	x, err := document.ParseJSON(a)
	y, err2 := document.ParseJSON(b)
	return err == nil && err2 == nil && reflect.DeepEqual(x, y)
}

// Export returns a gateway as an OpenAPI document that Import makes the same gateway
// of, and the version that it is.
func (s *Service) Export(ctx context.Context, org core.OrganizationID, ref string) (json.RawMessage, uint64, error) {
	g, err := s.Get(ctx, org, ref)
	if err != nil {
		return nil, 0, err
	}
	c, version, err := s.Config(ctx, org, g.ID)
	if err != nil {
		return nil, 0, err
	}
	settings, err := json.Marshal(c.Settings)
	if err != nil {
		return nil, 0, fmt.Errorf("encode settings: %w", err)
	}
	doc, err := oas.Export(&oas.Source{
		Title: g.Name, Hostname: g.Hostname, Settings: settings, Policies: c.Policies, Upstreams: c.Upstreams, Routes: c.Routes,
		UsagePlans: c.UsagePlans, Streams: c.Streams, OpenAPI: c.OpenAPI,
	})
	if err != nil {
		return nil, 0, fmt.Errorf("export: %w", err)
	}
	return doc, version, nil
}
