package oas

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/importer"
)

// Documents of Amazon API Gateway that are parts of templates have functions of
// CloudFormation (and SAM) in the place of values. Those that give a text of what is
// known are worked out; where something is not, only what hangs on it is refused.

var substitution = regexp.MustCompile(`\$\{([A-Za-z0-9_.:]+)\}`)

// textOf is the text that a value gives: a text with ${AWS::Region} and its kin, or one
// of the functions Fn::Sub, Fn::Join, Fn::GetAtt and Ref. What is not known stays as
// ${NAME}; missing names the last of it.
func textOf(o *importer.AWS, v any) (s, missing string) {
	f := &function{o: o}
	return f.text(v), f.missing
}

// function works one value out.
type function struct {
	o       *importer.AWS
	own     map[string]any // variables of the Fn::Sub that is being worked out
	missing string
}

// call splits a function from what it is given.
func call(v any) (name string, given any, ok bool) {
	m := object(v)
	if len(m) != 1 {
		return "", nil, false
	}
	for name, given = range m {
	}
	_, isText := given.(string)
	return name, given, strings.HasPrefix(name, "Fn::") || name == "Ref" && isText
}

func (f *function) text(v any) string {
	name, given, ok := call(v)
	if !ok {
		return f.fill(str(v))
	}
	parts := list(given)
	switch {
	case name == "Ref":
		return f.value(str(given))
	case name == "Fn::GetAtt" && len(parts) == 2:
		return f.value(str(parts[0]) + "." + str(parts[1]))
	case name == "Fn::GetAtt" && str(given) != "":
		return f.value(str(given))
	case name == "Fn::Sub" && len(parts) == 2:
		inner := &function{o: f.o, own: object(parts[1])}
		defer func() { f.missing = first(inner.missing, f.missing) }()
		return strings.ReplaceAll(inner.fill(str(parts[0])), "${!", "${")
	case name == "Fn::Sub":
		return strings.ReplaceAll(f.fill(str(given)), "${!", "${")
	case name == "Fn::Join" && len(parts) == 2 && list(parts[1]) != nil:
		var out []string
		for _, p := range list(parts[1]) {
			out = append(out, f.text(p))
		}
		return strings.Join(out, str(parts[0]))
	}
	f.missing = name
	return "${" + name + "}"
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// fill puts values in the place of ${NAME}.
func (f *function) fill(s string) string {
	return substitution.ReplaceAllStringFunc(s, func(m string) string { return f.value(m[2 : len(m)-1]) })
}

func (f *function) value(name string) string {
	if v, ok := f.own[name]; ok {
		inner := &function{o: f.o}
		s := inner.text(v)
		f.missing = first(inner.missing, f.missing)
		return s
	}
	value := map[string]string{"AWS::Region": f.o.Region, "AWS::AccountId": f.o.Account, "AWS::Partition": f.o.Partition}[name]
	if n, ok := strings.CutPrefix(name, "stageVariables."); ok {
		value = f.o.StageVariables[n]
	}
	if value == "" {
		f.missing = name
		return "${" + name + "}"
	}
	return value
}

var (
	byAttribute = regexp.MustCompile(`^\$\{([A-Za-z0-9]+)\.Arn\}((?::[A-Za-z0-9_$-]+)?)$`)
	byReference = regexp.MustCompile(`^(arn:[^$]+:function:)\$\{([A-Za-z0-9]+)\}((?::[A-Za-z0-9_$-]+)?)$`)
)

// byLogicalName puts the name that a template has for a function in the place of the
// one that the stack gives it. arn is a bare name where the account is not known.
func byLogicalName(o *importer.AWS, s string) (name, arn string, ok bool) {
	if m := byReference.FindStringSubmatch(s); m != nil {
		return m[2], m[1] + m[2] + m[3], true
	}
	m := byAttribute.FindStringSubmatch(s)
	switch {
	case m == nil:
		return "", "", false
	case o.Region == "" || o.Account == "":
		return m[1], m[1] + m[2], true
	}
	return m[1], "arn:" + o.Partition + ":lambda:" + o.Region + ":" + o.Account + ":function:" + m[1] + m[2], true
}

// functions works out those of the whole document but for the addresses of
// integrations, which are looked at where they are used. An operation with one that
// can't be worked out is refused; so is the document where it stands outside of all.
func (d *document) functions(o *importer.AWS) {
	if !d.ofAmazon() {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(d.root)) {
		if name != "paths" {
			v, bad := d.worked(o, d.root[name], contract.Pointer(name))
			d.root[name] = v
			for _, b := range bad {
				d.refused(b.at, "the document", b.why(), b.advice())
			}
		}
	}
	paths := object(d.root["paths"])
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		at := contract.Pointer("paths", path)
		item := object(paths[path])
		if _, _, is := call(paths[path]); is || item == nil {
			if bad := d.put(o, paths, path, at); len(bad) > 0 {
				d.leavePath(paths, path, bad[0])
			}
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(item)) {
			bad := d.put(o, item, name, at+contract.Pointer(name))
			switch {
			case len(bad) == 0:
			case name == anyMethod:
				d.leaveOut(item, name, &operation{path: path}, bad[0])
			case slices.Contains(methodsOfPaths, name) || name == "trace":
				d.leaveOut(item, name, &operation{path: path, method: name}, bad[0])
			default:
				d.leavePath(paths, path, bad[0])
			}
		}
	}
}

// leaveOut takes an operation out of the document that can't be carried over.
func (d *document) leaveOut(item map[string]any, name string, op *operation, b unknown) {
	what := "ANY " + op.path
	if op.method != "" {
		what = op.title()
	}
	d.leave(item, name, op)
	delete(item, name)
	d.report.Add(importer.Row{Level: importer.Refused, Pointer: b.at, Line: d.line(b.at), What: what, Why: b.why(), Advice: b.advice(), Skippable: true})
}

// leavePath takes a path out of the document with all its operations.
func (d *document) leavePath(paths map[string]any, path string, b unknown) {
	item := object(paths[path])
	if _, _, is := call(paths[path]); is || item == nil {
		item = nil
		d.leave(paths, path, &operation{path: path})
	}
	for _, name := range slices.Sorted(maps.Keys(item)) {
		switch {
		case name == anyMethod:
			d.leave(item, name, &operation{path: path})
		case slices.Contains(methodsOfPaths, name):
			d.leave(item, name, &operation{path: path, method: name})
		}
	}
	delete(paths, path)
	d.report.Add(importer.Row{Level: importer.Refused, Pointer: b.at, Line: d.line(b.at), What: "the path " + path, Why: b.why(), Advice: b.advice(), Skippable: true})
}

// leave notes an operation whose requests may not come to another one's route.
func (d *document) leave(from map[string]any, name string, op *operation) {
	op.op, op.at = object(from[name]), contract.Pointer("paths", op.path)
	if name != op.path {
		op.item = from
		op.at += contract.Pointer(name)
	}
	if op.op["isDefaultRoute"] == true || op.path == "/$default" {
		op.path = "/*"
	}
	d.left = append(d.left, op)
}

// unknown is a function that can't be worked out.
type unknown struct{ at, missing string }

func (u unknown) why() string {
	if strings.HasPrefix(u.missing, "Fn::") {
		return "the function " + u.missing + " of CloudFormation can't be worked out"
	}
	return "nobody said what ${" + u.missing + "} is"
}

func (u unknown) advice() string {
	return "write what it gives, or say it by the option aws (region, account, stage_variables)"
}

func (d *document) put(o *importer.AWS, m map[string]any, name, at string) []unknown {
	v, bad := d.worked(o, m[name], at)
	m[name] = v
	return bad
}

// worked works out all functions below a pointer; what is an example stays as it is.
func (d *document) worked(o *importer.AWS, v any, at string) (any, []unknown) {
	if _, _, ok := call(v); ok {
		s, missing := textOf(o, v)
		switch {
		case missing == "":
			return s, nil
		case wording(at):
			u := unknown{at, missing}
			d.approximated(at, "a text", u.why(), "it stays as it is written")
			return s, nil
		case held(at):
			return s, nil // whoever reads it looks
		}
		return s, []unknown{{at, missing}}
	}
	var bad []unknown
	switch v := v.(type) {
	case []any:
		for i := range v {
			var more []unknown
			v[i], more = d.worked(o, v[i], at+contract.Pointer(i))
			bad = append(bad, more...)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			below := at + contract.Pointer(name)
			if name == "uri" && strings.Contains(at, integration) || name == "example" || name == "examples" || name == "enum" {
				continue
			}
			bad = append(bad, d.put(o, v, name, below)...)
		}
	}
	return v, bad
}

// wording reports whether a value is for people, or for an account at AWS: nothing of
// the gateway hangs on it.
func wording(at string) bool {
	switch at[strings.LastIndexByte(at, '/')+1:] {
	case "title", "description", "summary", "credentials", "connectionId", "integrationTarget", "authorizerUri", "authorizerCredentials":
		return true
	}
	return strings.HasPrefix(at, "/info/") || strings.HasPrefix(at, "/servers/") || at == "/host" || at == "/basePath"
}

// held reports whether a value is of a security scheme, which is refused with every
// operation that asks for it.
func held(at string) bool {
	return strings.HasPrefix(at, "/components/securitySchemes/") || strings.HasPrefix(at, "/securityDefinitions/")
}
