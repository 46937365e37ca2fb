package shape

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

const schemaText = `{
  "type": "object", "required": ["name"],
  "properties": {
    "name": {"type": "string"},
    "mode": {"type": "string", "enum": ["a", "b"], "default": "a"},
    "weight": {"type": "integer", "default": 1},
    "share": {"type": "number"},
    "on": {"type": "boolean"},
    "present": {"type": "boolean", "x-zero-differs": true},
    "wait": {"type": "string", "pattern": "^([0-9]+(\\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$"},
    "at": {"type": "string", "format": "date-time"},
    "any": {},
    "free": {"type": "object", "additionalProperties": true},
    "list": {"type": "array", "items": {"type": "string"}},
    "days": {"type": "array", "items": {"enum": ["mon", "tue"]}},
    "parts": {"type": "array", "items": {"$ref": "#/$defs/part"}},
    "fields": {"type": "object", "additionalProperties": {"oneOf": [{"type": "string"}, {"type": "object", "properties": {"secret": {"type": "string"}}}]}},
    "claims": {"type": "object", "additionalProperties": {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}}
  },
  "$defs": {"part": {"type": "object", "properties": {"n": {"type": "integer"}, "deep": {"$ref": "#/$defs/part"}}}}
}`

func compiled(t *testing.T) *Type {
	t.Helper()
	var s Schema
	if err := json.Unmarshal([]byte(schemaText), &s); err != nil {
		t.Fatal(err)
	}
	c := &Compiler{Refs: func(ref string) (Schema, bool) {
		part, ok := s["$defs"].(Schema)["part"].(Schema)
		return part, ok && ref == "#/$defs/part"
	}}
	typ, err := c.Compile(s, "test")
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

func parsed(t *testing.T, text string) any {
	t.Helper()
	var out any
	if err := decode([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// value is what the API answers as Terraform has it where nothing was known.
func value(t *testing.T, typ *Type, text string, prior tftypes.Value) tftypes.Value {
	t.Helper()
	v, err := typ.FromJSON(parsed(t, text), true, prior)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// only sets fields of an object and leaves the others null.
func only(typ *Type, set map[string]tftypes.Value) tftypes.Value {
	out := map[string]tftypes.Value{}
	for _, f := range typ.Fields {
		out[f.Name] = tftypes.NewValue(f.Type.Terraform(), nil)
		if v, ok := set[f.Name]; ok {
			out[f.Name] = v
		}
	}
	return tftypes.NewValue(typ.Terraform(), out)
}

func TestThereAndBack(t *testing.T) {
	typ := compiled(t)
	for _, text := range []string{
		`{"name":"x"}`,
		`{"name":"x","mode":"b","weight":0,"share":0.25,"on":true,"present":false,"wait":"90s","at":"2026-01-02T03:04:05Z"}`,
		`{"name":"x","any":null}`,
		`{"name":"x","any":[1,{"b":"c"}],"free":{"a":9007199254740993}}`,
		`{"name":"x","list":["a","b"],"days":["tue"],"parts":[{"n":1},{"deep":{"deep":{"n":2}}}]}`,
		`{"name":"x","fields":{"A":"b","S":{"secret":"s"}},"claims":{"one":"a","many":["a","b"]}}`,
	} {
		v := value(t, typ, text, tftypes.Value{})
		got, _, err := typ.ToJSON(v)
		if err != nil || !Equal(got, parsed(t, text)) {
			t.Errorf("%s came back as %v, %v", text, got, err)
		}
	}
}

// TestDefaultsAreNotSent: what means the same as leaving it out is left out.
func TestDefaultsAreNotSent(t *testing.T) {
	typ := compiled(t)
	v := value(t, typ, `{"name":"x","mode":"a","weight":1,"share":0,"on":false,"wait":"","list":[],"fields":{},"free":{}}`, tftypes.Value{})
	got, _, err := typ.ToJSON(v)
	if err != nil || !Equal(got, parsed(t, `{"name":"x"}`)) {
		t.Errorf("%v, %v", got, err)
	}
}

// TestWhatMeansTheSameStays: an answer changes nothing of a state that says the same
// in another way.
func TestWhatMeansTheSameStays(t *testing.T) {
	typ := compiled(t)
	str := func(s string) tftypes.Value { return tftypes.NewValue(tftypes.String, s) }
	prior := only(typ, map[string]tftypes.Value{
		"name": str("x"), "wait": str("60s"), "at": str("2026-01-02T04:04:05+01:00"), "free": str(`{ "b": 1, "a": [] }`), "on": tftypes.NewValue(tftypes.Bool, false),
	})
	got := value(t, typ, `{"name":"x","wait":"1m0s","at":"2026-01-02T03:04:05Z","free":{"a":[],"b":1.0},"weight":1}`, prior)
	if !got.Equal(prior) {
		t.Errorf("the state changed to %v", got)
	}
	changed := value(t, typ, `{"name":"x","wait":"2m","weight":0}`, prior)
	if members(changed)["wait"].Equal(str("60s")) || members(changed)["weight"].IsNull() {
		t.Errorf("a change is not seen: %v", changed)
	}
}

// TestImportSpellsDefaultsOut: where nothing was known, defaults stand in the state,
// so that a configuration may spell them out or not.
func TestImportSpellsDefaultsOut(t *testing.T) {
	typ := compiled(t)
	state := value(t, typ, `{"name":"x"}`, tftypes.Value{})
	m := members(state)
	if m["weight"].IsNull() || m["mode"].IsNull() || m["on"].IsNull() || m["list"].IsNull() || !m["present"].IsNull() || !m["any"].IsNull() {
		t.Fatalf("state %v", state)
	}
	name := tftypes.NewValue(tftypes.String, "x")
	bare := only(typ, map[string]tftypes.Value{"name": name})
	if plan := typ.Plan(bare, bare, state); !plan.Equal(state) {
		t.Errorf("a configuration that says nothing plans %v", plan)
	}
	spelt := only(typ, map[string]tftypes.Value{"name": name, "weight": tftypes.NewValue(tftypes.Number, 1), "on": tftypes.NewValue(tftypes.Bool, false)})
	if plan := typ.Plan(spelt, spelt, state); !plan.Equal(state) {
		t.Errorf("a configuration that spells defaults out plans %v", plan)
	}
}

func TestPlan(t *testing.T) {
	typ := compiled(t)
	name := tftypes.NewValue(tftypes.String, "x")
	state := only(typ, map[string]tftypes.Value{"name": name, "weight": tftypes.NewValue(tftypes.Number, 7)})
	bare := only(typ, map[string]tftypes.Value{"name": name})
	proposed := only(typ, map[string]tftypes.Value{"name": name, "weight": tftypes.NewValue(tftypes.Number, tftypes.UnknownValue)})
	if plan := typ.Plan(proposed, bare, state); !members(plan)["weight"].IsNull() {
		t.Errorf("what was taken out of the configuration is planned as %v", members(plan)["weight"])
	}
	unknown := tftypes.NewValue(tftypes.Number, tftypes.UnknownValue)
	config := only(typ, map[string]tftypes.Value{"name": name, "weight": unknown})
	if plan := typ.Plan(config, config, state); members(plan)["weight"].IsKnown() {
		t.Error("what is not known yet is planned as known")
	}
	if plan := typ.Plan(proposed, bare, tftypes.Value{}); !members(plan)["weight"].IsNull() {
		t.Error("what a new object leaves out is not null")
	}
}

func TestErrorsSayWhere(t *testing.T) {
	typ := compiled(t)
	both := tftypes.NewValue(tftypes.String, "v")
	vs := typ.Field("fields").Type.Elem
	bad := tftypes.NewValue(vs.Terraform(), map[string]tftypes.Value{"value": both, "secret": both})
	v := only(typ, map[string]tftypes.Value{
		"name":   tftypes.NewValue(tftypes.String, "x"),
		"fields": tftypes.NewValue(typ.Field("fields").Type.Terraform(), map[string]tftypes.Value{"A": bad}),
	})
	_, _, err := typ.ToJSON(v)
	where, ok := err.(*PathError)
	if !ok || !reflect.DeepEqual(Attribute(where.Path), path.Root("fields").AtMapKey("A")) {
		t.Errorf("error %v", err)
	}
	if got := typ.Path(parsed(t, `{"parts":[{"n":1}]}`), "/parts/0/n"); !got.Equal(path.Root("parts").AtListIndex(0).AtName("n")) {
		t.Errorf("path %s", got)
	}
	if got := typ.Path(nil, "/nothing/here"); !got.Equal(path.Empty()) {
		t.Errorf("path %s", got)
	}
}

func TestTagged(t *testing.T) {
	typ := &Type{Kind: Tagged, Fields: []*Field{{Name: "part", Type: compiled(t)}, {Name: "other", Type: &Type{Kind: Object}}}}
	v := value(t, typ, `{"type":"part","config":{"name":"x"}}`, tftypes.Value{})
	got, _, err := typ.ToJSON(v)
	if err != nil || !Equal(got, parsed(t, `{"type":"part","config":{"name":"x"}}`)) {
		t.Errorf("%v, %v", got, err)
	}
	if at := typ.Path(got, "/config/name"); !at.Equal(path.Root("part").AtName("name")) {
		t.Errorf("path %s", at)
	}
	empty := value(t, typ, `{"type":"other"}`, tftypes.Value{})
	if got, _, err := typ.ToJSON(empty); err != nil || !Equal(got, parsed(t, `{"type":"other","config":{}}`)) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := typ.FromJSON(parsed(t, `{"type":"newer"}`), true, tftypes.Value{}); err == nil {
		t.Error("a type that is not known was taken")
	}
}
