package oas

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/match"
	edge "github.com/tollgate/tollgate/gateway-edge/policy/openapi"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/importer"
)

// walker makes parts of a document.
type walker struct {
	*document
	o       importer.Options
	present importer.Present
	parts   importer.Parts
	names   map[string]bool           // of routes
	schemes map[string]*scheme        // that were looked at
	pools   map[string]string         // names of upstreams by what they are made of
	aws     *awsDocument              // nil: not of Amazon API Gateway
	exact   *exported                 // nil: not an export
	looks   int                       // into schemas, for an example
	routes  map[string]contract.Route // those that operations brought along, by pointer
	placed  []*operation              // whose routes are in the parts, in their order
}

// operation is an operation on its way to a route.
type operation struct {
	path, method string // method in lower case; "": every one
	at           string
	item, op     map[string]any
	route        contract.Route
	skip         bool      // it gets no route
	refused      bool      // and its requests may not come to another one's
	segments     []segment // of its path; nil: they are not known
	index        int       // of its route in the parts
}

func (op *operation) title() string {
	m := strings.ToUpper(op.method)
	if m == "" {
		m = "any method of"
	}
	return m + " " + op.path
}

// refuse leaves an operation out: its requests are answered with 403.
func (w *walker) refuse(op *operation, pointer, why, advice string) {
	op.skip, op.refused = true, true
	w.report.Add(importer.Row{
		Level: importer.Refused, Pointer: w.origin(pointer), Line: w.line(pointer), What: op.title(), Why: why, Advice: advice, Skippable: true,
	})
}

func (w *walker) walk() {
	if w.exact == nil {
		w.amazon()
	}
	if w.o.BasePath == "" {
		w.o.BasePath = "keep"
		if w.aws != nil {
			w.o.BasePath = "drop"
		}
	}
	var ops []*operation
	w.eachOperation(func(path, method, at string, item, op map[string]any) {
		ops = append(ops, &operation{path: path, method: method, at: at, item: item, op: op})
	})
	ops = append(ops, w.anyMethods()...)
	if len(ops) == 0 && w.exact == nil {
		w.refused("/paths", "the document", "it has no operations", "")
	}
	keep := w.o.Document == "keep" && (w.exact == nil || w.exact.Document == documentKept)
	doc, ok := w.valid(keep)
	if !ok {
		return
	}
	w.knowsServer(ops)
	for _, op := range ops {
		w.operation(op)
		if !op.skip {
			w.keep(op)
		} else if op.refused && w.o.SkipRefused {
			w.close(op)
		}
	}
	for _, op := range w.left {
		if w.o.SkipRefused {
			w.name(op)
			w.place(op)
			w.close(op)
		}
	}
	w.precedence()
	if keep {
		w.parts.OpenAPI = doc
	}
	w.leftOver()
}

func (w *walker) operation(op *operation) {
	if op.method == "trace" {
		w.refuse(op, op.at, "the gateway never lets TRACE through", "")
		return
	}
	if w.exactRoute(op) {
		return
	}
	w.name(op)
	base := w.place(op)
	w.security(op)
	w.validation(op, base)
	if w.aws == nil || !w.aws.integrate(op, base) {
		w.integration(op, base)
	}
	if op.op["deprecated"] == true {
		w.approximated(op.at+"/deprecated", op.title(), "it is deprecated, and the document does not say since when", "give the route a deprecation policy to tell callers")
	}
	for _, name := range slices.Sorted(maps.Keys(object(op.op["callbacks"]))) {
		w.approximated(op.at+contract.Pointer("callbacks", name), "the callback "+name, "your backend makes these calls, past the gateway", "they stay in the gateway's document")
	}
}

func (w *walker) name(op *operation) {
	op.route.Name = w.routeName(op)
	if op.method != "" {
		op.route.Match.Methods = []string{strings.ToUpper(op.method)}
	}
}

// keep puts an operation's route into the parts.
func (w *walker) keep(op *operation) {
	w.put(op)
	w.taken(op.at, op.title()+" → route "+op.route.Name)
}

func (w *walker) put(op *operation) {
	w.names[op.route.Name] = true
	op.index = len(w.parts.Routes)
	w.parts.Routes = append(w.parts.Routes, op.route)
	w.parts.RouteAt[op.route.Name] = importer.At{Pointer: w.origin(op.at), Line: w.line(op.at)}
	w.placed = append(w.placed, op)
}

// close keeps the place of an operation that was refused: left to the other routes, its
// requests could come to one that asks for less.
func (w *walker) close(op *operation) {
	if op.method == "trace" {
		return // no route can take it
	}
	op.route = contract.Route{
		Name: op.route.Name, Match: op.route.Match, Public: true,
		Policies: []contract.Policy{policy("mock", map[string]any{"status": http.StatusForbidden})},
	}
	w.put(op)
	w.approximated(op.at, op.title()+" → route "+op.route.Name, "it was refused and left out: its requests are answered with 403", "")
}

// routeName is the operationId where it can be a route's name, else made of method
// and path.
func (w *walker) routeName(op *operation) string {
	name := str(op.op["operationId"])
	if core.CheckName(name) != nil {
		method := op.method
		if method == "" {
			method = "any"
		}
		name = slug(method + op.path)
	}
	return unused(name, w.names)
}

func unused(name string, names map[string]bool) string {
	out := name
	for i := 2; names[out]; i++ {
		out = name[:min(len(name), core.MaxName-6)] + "-" + strconv.Itoa(i)
	}
	return out
}

// slug is a text as a name: what no name can have becomes hyphens.
func slug(s string) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			b.WriteRune(c)
		case c >= 'A' && c <= 'Z':
			b.WriteRune(c + 'a' - 'A')
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-") && c != '}':
			b.WriteByte('-')
		}
		if b.Len() >= core.MaxName-8 {
			break
		}
	}
	if out := strings.Trim(b.String(), "-"); out != "" {
		return out
	}
	return "api"
}

// base says what stands before an operation's path: in the gateway, and at the
// backend.
type base struct {
	gateway, backend string
	server           *server // nil: none that an upstream can be made of
	at               string
}

// place gives the route its path.
func (w *walker) place(op *operation) base {
	b := w.serverOf(op)
	path, ok := routePath(b.gateway, op.path)
	op.segments = segmentsOf(b.gateway + op.path)
	if !ok {
		w.approximated(op.at, op.title(), "a part of a segment is a parameter: the route's path is a regular expression", "")
	}
	op.route.Match.Path = path
	return b
}

// routePath is a path of a document as one of routes. ok is false where it takes a
// regular expression.
func routePath(base, path string) (string, bool) {
	segments := strings.Split(path, "/")
	plain := true
	for i, s := range segments {
		name, isParam := strings.CutPrefix(s, "{")
		name, closed := strings.CutSuffix(name, "}")
		switch {
		case !strings.ContainsAny(s, "{}"):
		case isParam && closed && !strings.ContainsAny(name, "{}"):
			tail := ""
			if n, greedy := strings.CutSuffix(name, "+"); greedy {
				name, tail = n, "+"
			}
			segments[i] = "{" + paramName(name, i) + tail + "}"
		default:
			plain = false
		}
	}
	if plain {
		return base + strings.Join(segments, "/"), true
	}
	return "~" + pathExpression(strings.TrimSuffix(base+path, "/")) + "/?", false
}

// pathExpression matches the paths of a template.
func pathExpression(path string) string {
	var b strings.Builder
	for path != "" {
		before, rest, more := strings.Cut(path, "{")
		b.WriteString(quoteRegex(canonical(before)))
		if !more {
			break
		}
		_, path, _ = strings.Cut(rest, "}")
		b.WriteString("[^/]+")
	}
	return b.String()
}

// canonical is a part of a path as the gateway matches it; what no request can have
// stays as it is.
func canonical(part string) string {
	canon, err := match.PathString("/x" + part + "x")
	if err != nil {
		return part
	}
	return strings.TrimSuffix(strings.TrimPrefix(canon, "/x"), "x")
}

func quoteRegex(s string) string {
	var b strings.Builder
	for _, c := range s {
		if strings.ContainsRune(`\.+*?()|[]{}^$`, c) {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// paramName is a parameter's name as routes can have it.
func paramName(name string, i int) string {
	var b strings.Builder
	for j, c := range name {
		ok := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || j > 0 && (c >= '0' && c <= '9' || c == '-')
		if !ok {
			c = '_'
		}
		b.WriteRune(c)
	}
	out := b.String()
	if len(out) > 60 || out == "" {
		out = fmt.Sprintf("p%d", i)
	}
	return out
}

// validation holds requests to what the document says of parameters and bodies.
func (w *walker) validation(op *operation, b base) {
	described := len(list(op.item["parameters"]))+len(list(op.op["parameters"])) > 0 || op.op["requestBody"] != nil
	mode := w.o.Validation
	formless := op.method == "" || w.open[op.path] != nil
	if w.aws != nil {
		mode = w.aws.validation(op, mode, described, formless)
	}
	if !described || mode == "off" || formless {
		return
	}
	if w.o.Document == "drop" {
		w.approximated(op.at, op.title(), "parameters and body are not validated: the document is not kept", "import without document: drop")
		return
	}
	before := b.gateway
	if before == "" {
		before = "/"
	}
	config := map[string]any{"openapi": map[string]any{"base_path": before}}
	if mode == "report" {
		config["mode"] = "report"
	}
	op.add("validate_request", config)
	for _, media := range slices.Sorted(maps.Keys(object(edge.Deref(w.root, op.op["requestBody"])["content"]))) {
		if !strings.Contains(media, "json") && media != urlencoded {
			w.approximated(op.at+"/requestBody", op.title(), "bodies of "+media+" are held to their content type, not to a schema", "")
		}
	}
}

// add puts a policy behind those that the route has.
func (op *operation) add(typ string, config any) {
	op.route.Policies = append(op.route.Policies, policy(typ, config))
}

func policy(typ string, config any) contract.Policy {
	p := contract.Policy{Type: typ}
	if config != nil {
		b, err := json.Marshal(config)
		if err != nil {
			panic("importer: a configuration that is no JSON: " + err.Error()) // it is made of strings, numbers and parsed JSON
		}
		p.Config = b
	}
	return p
}

// leftOver tells of what no operation has to do with.
func (w *walker) leftOver() {
	for _, name := range slices.Sorted(maps.Keys(object(w.root["webhooks"]))) {
		w.approximated(contract.Pointer("webhooks", name), "the webhook "+name, "your backend sends it, past the gateway", "it stays in the gateway's document")
	}
	for _, name := range slices.Sorted(maps.Keys(object(object(w.root["components"])["securitySchemes"]))) {
		if w.schemes[name] == nil {
			w.approximated(contract.Pointer("components", "securitySchemes", name), "the security scheme "+name, "no operation asks for it", "")
		}
	}
}
