package gateway

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// diff lists what a draft changes, in a fixed order of kinds and names.
func diff(name string, before *Config, d *draft) ([]Change, error) {
	out, err := diffConfig(name, before, d.name, &d.config)
	if err != nil {
		return nil, err
	}
	for _, v := range d.secrets.puts {
		c := Change{Kind: ChangeSecret, ID: v.ID, Name: v.Name, After: present}
		if v.Revision > 0 {
			c.Before = present
		}
		out = append(out, c)
	}
	if v := d.secrets.remove; v != nil {
		out = append(out, Change{Kind: ChangeSecret, ID: v.ID, Name: v.Name, Before: present})
	}
	certificates, err := d.certificates.changed(d.source)
	if err != nil {
		return nil, err
	}
	domains, err := d.domains.changed(d.source)
	return append(append(out, certificates...), domains...), err
}

// present stands for a secret's value, which no history holds.
var present = json.RawMessage(`"(secret)"`)

func diffConfig(wasName string, before *Config, isName string, now *Config) ([]Change, error) {
	var out []Change
	for _, v := range []struct {
		kind    string
		was, is any
	}{
		{ChangeGateway, named{wasName}, named{isName}},
		{ChangeSettings, before.Settings, now.Settings},
		{ChangePolicies, nonNil(before.Policies), nonNil(now.Policies)},
	} {
		was, err := json.Marshal(v.was)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", v.kind, err)
		}
		is, err := json.Marshal(v.is)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", v.kind, err)
		}
		if string(was) != string(is) {
			out = append(out, Change{Kind: v.kind, Before: was, After: is})
		}
	}
	if !bytes.Equal(before.OpenAPI, now.OpenAPI) {
		out = append(out, Change{Kind: ChangeOpenAPI, Before: before.OpenAPI, After: now.OpenAPI})
	}
	for _, part := range []func(*Config, *Config) ([]Change, error){upstreams.diff, routes.diff, usagePlans.diff, streams.diff} {
		c, err := part(before, now)
		if err != nil {
			return nil, err
		}
		out = append(out, c...)
	}
	return out, nil
}

type named struct {
	Name string `json:"name"`
}

func sortChanges(c []Change) {
	slices.SortFunc(c, func(a, b Change) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
}

// summary says in one line what changed: "create route orders" or
// "update policies; create 3 routes; delete 1 upstream".
func summary(changes []Change) string {
	if len(changes) == 1 {
		c := &changes[0]
		return strings.TrimSpace(c.Verb() + " " + strings.ReplaceAll(c.Kind, "_", " ") + " " + c.Name)
	}
	type group struct{ verb, kind string }
	var order []group
	count := map[group]int{}
	for i := range changes {
		g := group{changes[i].Verb(), strings.ReplaceAll(changes[i].Kind, "_", " ")}
		if count[g]++; count[g] == 1 {
			order = append(order, g)
		}
	}
	parts := make([]string, 0, len(order))
	for _, g := range order {
		switch n := count[g]; {
		case g.kind == ChangePolicies || g.kind == ChangeSettings || g.kind == ChangeGateway || g.kind == ChangeOpenAPI:
			parts = append(parts, g.verb+" "+g.kind)
		case n == 1:
			parts = append(parts, g.verb+" 1 "+g.kind)
		default:
			parts = append(parts, g.verb+" "+strconv.Itoa(n)+" "+g.kind+"s")
		}
	}
	return strings.Join(parts, "; ")
}
