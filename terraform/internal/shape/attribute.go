package shape

import (
	"github.com/hashicorp/terraform-plugin-framework/attr"
	dschema "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	rschema "github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// element is the framework's type of a value, made once: nested attributes get it as
// their custom type, for the framework would else put it together anew for each
// attribute that it looks at, which makes a plan of a thousand routes take minutes.
func (t *Type) element() attr.Type {
	t.once.Do(func() { t.made = t.makeElement() })
	return t.made
}

func (t *Type) objectType() types.ObjectType {
	of, _ := t.element().(types.ObjectType)
	return of
}

func (t *Type) makeElement() attr.Type {
	switch t.Kind {
	case Int:
		return types.Int64Type
	case Float:
		return types.Float64Type
	case Bool:
		return types.BoolType
	case List:
		return types.ListType{ElemType: t.Elem.element()}
	case OneOrMany:
		return types.ListType{ElemType: types.StringType}
	case Map:
		return types.MapType{ElemType: t.Elem.element()}
	case Object, Tagged, ValueOrSecret:
		of := map[string]attr.Type{}
		for _, f := range t.fields() {
			of[f.Name] = f.Type.element()
		}
		return types.ObjectType{AttrTypes: of}
	}
	return types.StringType
}

// nested says whether values have attributes.
func (t *Type) nested() bool { return t.Kind == Object || t.Kind == Tagged || t.Kind == ValueOrSecret }

// fields are the attributes of a nested type.
func (t *Type) fields() []*Field {
	if t.Kind != ValueOrSecret {
		return t.Fields
	}
	return []*Field{
		{Name: secretName, Type: &Type{Kind: String}, Doc: "Name of a secret of the gateway that holds the value"},
		{Name: valueName, Type: &Type{Kind: String}, Doc: "The value itself"},
	}
}

// Attributes are a resource's attributes for t, an Object or Tagged type.
func (t *Type) Attributes() map[string]rschema.Attribute {
	out := map[string]rschema.Attribute{}
	for _, f := range t.fields() {
		out[f.Name] = f.attribute()
	}
	return out
}

func (f *Field) attribute() rschema.Attribute {
	required := f.Required && !f.Computed
	optional := !f.Required && !f.Computed
	computed := f.Computed || !f.Required && !f.Local && !f.WriteOnly // see Type.Plan
	about := f.Describe()
	t := f.Type
	switch t.Kind {
	case Int:
		return rschema.Int64Attribute{Required: required, Optional: optional, Computed: computed, MarkdownDescription: about}
	case Float:
		return rschema.Float64Attribute{Required: required, Optional: optional, Computed: computed, MarkdownDescription: about}
	case Bool:
		return rschema.BoolAttribute{Required: required, Optional: optional, Computed: computed, MarkdownDescription: about}
	case List:
		if t.Elem.nested() {
			return rschema.ListNestedAttribute{
				Required: required, Optional: optional, Computed: computed, MarkdownDescription: about,
				NestedObject: rschema.NestedAttributeObject{Attributes: t.Elem.Attributes(), CustomType: t.Elem.objectType()},
				CustomType:   types.ListType{ElemType: t.Elem.element()},
			}
		}
		return rschema.ListAttribute{Required: required, Optional: optional, Computed: computed, MarkdownDescription: about, ElementType: t.Elem.element()}
	case OneOrMany:
		return rschema.ListAttribute{Required: required, Optional: optional, Computed: computed, MarkdownDescription: about, ElementType: types.StringType}
	case Map:
		if t.Elem.nested() {
			return rschema.MapNestedAttribute{
				Required: required, Optional: optional, Computed: computed, MarkdownDescription: about,
				NestedObject: rschema.NestedAttributeObject{Attributes: t.Elem.Attributes(), CustomType: t.Elem.objectType()},
				CustomType:   types.MapType{ElemType: t.Elem.element()},
			}
		}
		return rschema.MapAttribute{Required: required, Optional: optional, Computed: computed, MarkdownDescription: about, ElementType: t.Elem.element()}
	case Object, Tagged, ValueOrSecret:
		return rschema.SingleNestedAttribute{Required: required, Optional: optional, Computed: computed, MarkdownDescription: about, Attributes: t.Attributes(), CustomType: t.objectType()}
	}
	if t.Kind == JSON {
		about = jsonNote(about)
	}
	return rschema.StringAttribute{
		Required: required, Optional: optional, Computed: computed, MarkdownDescription: about,
		Sensitive: f.Sensitive, WriteOnly: f.WriteOnly,
	}
}

func jsonNote(about string) string {
	if about == "" {
		return "JSON: write it with `jsonencode(…)`."
	}
	return about + " JSON: write it with `jsonencode(…)`."
}

// Computed are a data source's attributes for t: all are the API's.
func (t *Type) Computed() map[string]dschema.Attribute {
	out := map[string]dschema.Attribute{}
	for _, f := range t.fields() {
		if !f.WriteOnly {
			out[f.Name] = f.computed()
		}
	}
	return out
}

func (f *Field) computed() dschema.Attribute {
	about := f.Doc
	t := f.Type
	switch t.Kind {
	case Int:
		return dschema.Int64Attribute{Computed: true, MarkdownDescription: about}
	case Float:
		return dschema.Float64Attribute{Computed: true, MarkdownDescription: about}
	case Bool:
		return dschema.BoolAttribute{Computed: true, MarkdownDescription: about}
	case List:
		if t.Elem.nested() {
			return dschema.ListNestedAttribute{Computed: true, MarkdownDescription: about, NestedObject: dschema.NestedAttributeObject{Attributes: t.Elem.Computed()}}
		}
		return dschema.ListAttribute{Computed: true, MarkdownDescription: about, ElementType: t.Elem.element()}
	case OneOrMany:
		return dschema.ListAttribute{Computed: true, MarkdownDescription: about, ElementType: types.StringType}
	case Map:
		if t.Elem.nested() {
			return dschema.MapNestedAttribute{Computed: true, MarkdownDescription: about, NestedObject: dschema.NestedAttributeObject{Attributes: t.Elem.Computed()}}
		}
		return dschema.MapAttribute{Computed: true, MarkdownDescription: about, ElementType: t.Elem.element()}
	case Object, Tagged, ValueOrSecret:
		return dschema.SingleNestedAttribute{Computed: true, MarkdownDescription: about, Attributes: t.Computed()}
	}
	return dschema.StringAttribute{Computed: true, MarkdownDescription: about, Sensitive: f.Sensitive}
}
