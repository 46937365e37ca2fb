package openapi

import (
	"encoding/json"

	edge "github.com/tollgate/tollgate/gateway-edge/policy/openapi"
	"github.com/tollgate/tollgate/services/contract"
)

// Bounds of a text that is imported. A gateway keeps less: see ReadLarge.
const (
	MaxImportBytes = 10 << 20
	MaxImportNodes = 300_000
)

var importBounds = edge.Bounds{Bytes: MaxImportBytes, Nodes: MaxImportNodes}

// Kept says how much of a document a gateway can keep.
type Kept int

// What a gateway can keep: every value; all but descriptions, examples, tags and
// extensions; of that all but what responses hold; nothing.
const (
	KeptWhole Kept = iota
	KeptLean
	KeptRequests
	KeptNothing
)

// ReadLarge is ReadJSON within the bounds of an import. The document's JSON is what a
// gateway can keep of it, within the bounds of ReadJSON: nil for KeptNothing. Edges
// hold what is kept in memory, and every change of a gateway reads it.
func ReadLarge(js []byte) (*Document, Kept, contract.FieldErrors) {
	root, err := edge.ParseWithin(js, importBounds)
	if err != nil {
		return nil, KeptNothing, contract.FieldErrors{{Detail: "can't be read: " + err.Error()}}
	}
	out := describe(root)
	kept := KeptWhole
	for ; kept < KeptNothing; kept++ {
		v := root
		if kept > KeptWhole {
			v = lean(root, kept == KeptLean)
		}
		if out.JSON, err = json.Marshal(v); err != nil {
			return nil, KeptNothing, contract.FieldErrors{{Detail: "can't be read: " + err.Error()}}
		}
		if _, err := edge.Parse(out.JSON); err == nil {
			break
		}
		out.JSON = nil
	}
	if kept == KeptWhole {
		return out, kept, edge.Check(root)
	}
	errs := edge.CheckLarge(root)
	if len(errs) == 0 && kept < KeptNothing {
		_, errs = ReadJSON(out.JSON) // whose values stand where they stood
	}
	return out, kept, errs
}

// lean is a document without texts and examples: what edges read, with what makes it
// one that stands by itself. Without answers, its responses are empty. root need not
// be valid, and is left as it is.
func lean(root map[string]any, answers bool) map[string]any {
	out := edge.Trim(root)
	if !answers {
		eachItem(out, out, func(_, op map[string]any) {
			op["responses"] = map[string]any{"default": map[string]any{}}
		})
		out = edge.Trim(out) // without the components that only responses refer to
	}
	for _, v := range list(out["servers"]) {
		if s := object(v); s != nil && s["variables"] == nil {
			delete(s, "variables")
		}
	}
	info := object(root["info"])
	out["info"] = map[string]any{"title": info["title"], "version": info["version"]}
	describeResponses(object(object(out["components"])["responses"]))
	eachItem(root, out, func(was, op map[string]any) {
		copyFields(was, op, "summary", "deprecated", "security")
		describeResponses(object(op["responses"]))
	})
	copyFields(root, out, "security")
	if schemes := object(root["components"])["securitySchemes"]; schemes != nil {
		if out["components"] == nil {
			out["components"] = map[string]any{}
		}
		object(out["components"])["securitySchemes"] = schemes
	}
	return out
}

// eachItem calls fn for every operation of out, and the one of from in the same place.
func eachItem(from, out map[string]any, fn func(was, op map[string]any)) {
	homes := [][2]map[string]any{
		{object(from["paths"]), object(out["paths"])},
		{object(object(from["components"])["pathItems"]), object(object(out["components"])["pathItems"])},
	}
	for _, home := range homes {
		for path, item := range home[1] {
			for _, m := range edge.Methods() {
				if op := object(object(item)[m]); op != nil {
					fn(object(object(home[0][path])[m]), op)
				}
			}
		}
	}
}

func copyFields(from, to map[string]any, names ...string) {
	for _, name := range names {
		if v, ok := from[name]; ok {
			to[name] = v
		}
	}
}

// describeResponses gives responses the description that they must have.
func describeResponses(all map[string]any) {
	for _, v := range all {
		if r := object(v); r != nil && r["$ref"] == nil {
			r["description"] = ""
		}
	}
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}
