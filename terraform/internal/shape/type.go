package shape

import (
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// Kind is what a value is in JSON and how it stands in Terraform.
type Kind uint8

// The kinds. A JSON value is a string that holds JSON. A Tagged one is
// {"type": T, "config": {…}} in JSON and an object with one attribute for each T
// in Terraform, of which one is set. A ValueOrSecret is "text" or {"secret": name}
// in JSON and an object with the attributes value and secret. OneOrMany is "text"
// or ["text", …] in JSON and a list.
const (
	String Kind = iota
	Duration
	Time
	Int
	Float
	Bool
	JSON
	List
	Map
	Object
	Tagged
	ValueOrSecret
	OneOrMany
)

// Type is the shape of a value. It is immutable once made.
type Type struct {
	Kind   Kind
	Elem   *Type    // of List and Map
	Fields []*Field // of Object and Tagged, sorted by name
	Doc    string   // Markdown, one paragraph
	Limits string   // what the schema bounds, as Markdown; empty: nothing
	Schema Schema   // what it was made from
	// Fold: a String means the same in upper and lower case, as hosts and addresses do.
	Fold bool

	once sync.Once
	made attr.Type // see element
}

// Field is an attribute of an object.
type Field struct {
	Name      string
	Wire      string // its name in JSON; empty: Name
	Type      *Type
	Required  bool
	Filled    bool // the API fills it in where it is left out
	Computed  bool // only the API sets it
	Sensitive bool
	WriteOnly bool // never stored
	Local     bool // the provider's own: neither sent nor answered
	// Absent is the JSON value that means the same as leaving the field out.
	Absent any
	// NoAbsent says that every value differs from none.
	NoAbsent bool
	Doc      string
}

func (f *Field) wire() string {
	if f.Wire != "" {
		return f.Wire
	}
	return f.Name
}

// Field returns the field called name, nil where there is none.
func (t *Type) Field(name string) *Field {
	for _, f := range t.Fields {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// valueName and secretName are the attributes of a ValueOrSecret.
const (
	valueName  = "value"
	secretName = "secret"
)

// Terraform returns the type of t's values in a plan or a state.
func (t *Type) Terraform() tftypes.Type {
	switch t.Kind {
	case Int, Float:
		return tftypes.Number
	case Bool:
		return tftypes.Bool
	case List:
		return tftypes.List{ElementType: t.Elem.Terraform()}
	case OneOrMany:
		return tftypes.List{ElementType: tftypes.String}
	case Map:
		return tftypes.Map{ElementType: t.Elem.Terraform()}
	case Object, Tagged:
		out := map[string]tftypes.Type{}
		for _, f := range t.Fields {
			out[f.Name] = f.Type.Terraform()
		}
		return tftypes.Object{AttributeTypes: out}
	case ValueOrSecret:
		return tftypes.Object{AttributeTypes: map[string]tftypes.Type{valueName: tftypes.String, secretName: tftypes.String}}
	}
	return tftypes.String
}
