package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// policies is the folder of policies and of the SDK, from the root.
const policies = "gateway-edge/policy"

// policyDoc is one policy as its folder describes it.
type policyDoc struct {
	folder string
	typ    string
	title  string
	about  string // one sentence
	phase  policy.Phase
	schema json.RawMessage // compact
	tree   *node
	readme string
}

// scan reads every policy's folder, in the order of the list: by phase, then by
// type. Every fault of every folder is in the error.
func scan(root string) ([]*policyDoc, error) {
	entries, err := os.ReadDir(filepath.Join(root, policies))
	if err != nil {
		return nil, err
	}
	var list []*policyDoc
	var errs []error
	for _, e := range entries {
		dir := filepath.Join(root, policies, e.Name())
		schema, noSchema := os.ReadFile(filepath.Join(dir, "schema.json"))
		_, noPolicy := os.Stat(filepath.Join(dir, "policy.go"))
		if !e.IsDir() || noSchema != nil && noPolicy != nil {
			continue // the SDK's own files, and its helpers
		}
		if noSchema != nil || noPolicy != nil {
			errs = append(errs, fmt.Errorf("%s/%s: a policy has both policy.go and schema.json", policies, e.Name()))
			continue
		}
		p, err := read(dir, e.Name(), schema)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s/%s: %w", policies, e.Name(), err))
			continue
		}
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b *policyDoc) int {
		if a.phase != b.phase {
			return int(a.phase) - int(b.phase)
		}
		return strings.Compare(a.typ, b.typ)
	})
	return list, errors.Join(errs...)
}

func read(dir, folder string, schema []byte) (*policyDoc, error) {
	var head struct {
		Title       string
		Description string
		Type        string `json:"x-type"`
		Phase       string `json:"x-phase"`
	}
	if err := json.Unmarshal(schema, &head); err != nil {
		return nil, fmt.Errorf("schema.json: %w", err)
	}
	p := &policyDoc{folder: folder, typ: head.Type, title: head.Title, about: head.Description}
	if strings.ReplaceAll(p.typ, "_", "") != folder {
		return nil, fmt.Errorf("schema.json: x-type %q does not belong to the folder: the folder is the type without underscores", p.typ)
	}
	if p.title == "" || p.about == "" {
		return nil, errors.New("schema.json: title and description are needed")
	}
	var err error
	if p.phase, err = parsePhase(head.Phase); err != nil {
		return nil, err
	}
	if p.tree, err = parseSchema(schema); err != nil {
		return nil, err
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, schema); err != nil {
		return nil, fmt.Errorf("schema.json: %w", err)
	}
	p.schema = compact.Bytes()
	readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(string(readme), "# "+p.title+"\n") {
		return nil, fmt.Errorf("README.md: the first line is not \"# %s\", the schema's title", p.title)
	}
	p.readme = strings.TrimSpace(string(readme)) + "\n"
	return p, nil
}

func parsePhase(s string) (policy.Phase, error) {
	for p := policy.PhaseGuard; p <= policy.PhaseIntegrate; p++ {
		if p.String() == s {
			return p, nil
		}
	}
	return 0, fmt.Errorf("schema.json: x-phase %q is no phase", s)
}
