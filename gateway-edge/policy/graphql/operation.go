package graphql

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// maxTokens bounds what is parsed of an operation.
const maxTokens = 20_000

// variable is a variable that an operation declares.
type variable struct {
	kind     string // name of the type, of the elements where it is a list
	list     bool
	nested   bool // a list of lists, which no word can fill
	required bool // not null, and without a default
}

// parseOperation reads a document with one operation and returns its variables.
func parseOperation(text string) (vars map[string]*variable, name string, err error) {
	if len(text) > maxOperation {
		return nil, "", fmt.Errorf("has %d bytes, at most %d are allowed", len(text), maxOperation)
	}
	doc, perr := parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, maxTokens)
	if perr != nil {
		return nil, "", perr
	}
	if len(doc.Operations) != 1 {
		return nil, "", fmt.Errorf("has %d operations, it must have one", len(doc.Operations))
	}
	op := doc.Operations[0]
	if op.Operation == ast.Subscription {
		return nil, "", errors.New("is a subscription: those go over WebSocket")
	}
	vars = map[string]*variable{}
	for _, d := range op.VariableDefinitions {
		v := &variable{kind: d.Type.Name(), required: d.Type.NonNull && d.DefaultValue == nil}
		if v.list = d.Type.Elem != nil; v.list {
			v.nested = d.Type.Elem.Elem != nil
		}
		vars[d.Variable] = v
	}
	return vars, op.Name, nil
}

// onlyReads reports whether a document holds nothing but queries, which a GET may
// ask for.
func onlyReads(text string) bool {
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, maxTokens)
	if err != nil {
		return false
	}
	for _, op := range doc.Operations {
		if op.Operation != ast.Query {
			return false
		}
	}
	return true
}

// fromWords makes the JSON of words of a path or a query, as the declared type
// wants it: numbers for Int and Float, true and false for Boolean, texts for ID,
// String, enums and scalars of the schema.
func (v *variable) fromWords(words []string) (json.RawMessage, error) {
	if v.nested {
		return nil, errors.New("is a list of lists: it can be given in the body only")
	}
	if !v.list {
		if len(words) != 1 {
			return nil, errors.New("is given more than once")
		}
		return v.fromWord(words[0])
	}
	out := []byte{'['}
	for i, w := range words {
		one, err := v.fromWord(w)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, one...)
	}
	return append(out, ']'), nil
}

func (v *variable) fromWord(w string) (json.RawMessage, error) {
	switch v.kind {
	case "Int":
		n, err := strconv.ParseInt(w, 10, 32)
		if err != nil {
			return nil, errors.New("is no Int")
		}
		return strconv.AppendInt(nil, n, 10), nil
	case "Float":
		var f json.Number
		if err := json.Unmarshal([]byte(w), &f); err != nil || w[0] == '"' || w == "null" {
			return nil, errors.New("is no Float")
		}
		return json.RawMessage(f), nil
	case "Boolean":
		if w != "true" && w != "false" {
			return nil, errors.New("is \"true\" or \"false\"")
		}
		return json.RawMessage(w), nil
	}
	if !utf8.ValidString(w) {
		return nil, errors.New("is not UTF-8")
	}
	return json.Marshal(w)
}
