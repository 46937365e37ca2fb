package stripefake

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// params are the parameters of a request by their full names: items[0][price].
type params map[string][]string

func (p params) str(name string) string {
	if v := p[name]; len(v) > 0 {
		return v[len(v)-1]
	}
	return ""
}

func (p params) has(name string) bool { return len(p[name]) > 0 }

// num is 0 where there is none: validate saw to its form.
func (p params) num(name string) int64 {
	n, _ := strconv.ParseInt(p.str(name), 10, 64)
	return n
}

func (p params) truth(name string) bool { return p.str(name) == "true" }

// sub is what stands under a name: sub("period") has "start" for "period[start]".
func (p params) sub(name string) params {
	out := params{}
	for key, v := range p {
		rest, ok := strings.CutPrefix(key, name+"[")
		if !ok {
			continue
		}
		first, rest, ok := strings.Cut(rest, "]")
		if ok {
			out[first+rest] = v
		}
	}
	return out
}

// list is what stands under a name with indexes, by index.
func (p params) list(name string) []params {
	all := p.sub(name) // "0[price]"
	indexes := map[int]bool{}
	for key := range all {
		n, err := strconv.Atoi(cut(key, "["))
		if err == nil {
			indexes[n] = true
		}
	}
	var out []params
	for _, i := range sorted(indexes) {
		out = append(out, all.sub(strconv.Itoa(i)))
	}
	return out
}

// strs is a list of plain values: expand[]=a, expand[0]=a.
func (p params) strs(name string) []string {
	all := p.sub(name)
	out := slices.Clone(all[""])
	indexes := map[int]bool{}
	for key := range all {
		if n, err := strconv.Atoi(key); err == nil {
			indexes[n] = true
		}
	}
	for _, i := range sorted(indexes) {
		out = append(out, all[strconv.Itoa(i)]...)
	}
	return out
}

// merge sets and, for empty values, removes pairs of metadata.
func (p params) merge(name string, into map[string]string) map[string]string {
	if into == nil {
		into = map[string]string{}
	}
	if p.has(name) && p.str(name) == "" {
		return map[string]string{}
	}
	for key, v := range p.sub(name) {
		if last := v[len(v)-1]; last == "" {
			delete(into, key)
		} else {
			into[key] = last
		}
	}
	return into
}

func cut(s, sep string) string {
	before, _, _ := strings.Cut(s, sep)
	return before
}

func sorted[K cmp.Ordered](m map[K]bool) []K {
	out := make([]K, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// general makes a parameter's name that of its rule: items[0][price] →
// items[][price], metadata[any] → metadata[*].
func general(name string) string {
	parts := strings.Split(name, "[")
	for i := 1; i < len(parts); i++ {
		inner := strings.TrimSuffix(parts[i], "]")
		_, err := strconv.Atoi(inner)
		switch {
		case parts[i-1] == "metadata" || parts[i-1] == "metadata]" || parts[i-1] == "payload":
			parts[i] = "*]"
		case inner == "" || err == nil:
			parts[i] = "]"
		}
	}
	return strings.Join(parts, "[")
}

// rule is what a parameter may be.
type rule struct {
	kind     byte // '#' integer, '?' boolean, '=' one of values, 0 text
	values   []string
	required bool
}

// rules reads the parameters of an operation, separated by blanks: NAME with "#"
// (integer), "?" (boolean) or "=one|of|these", and "!" at the end if required.
func rules(text string) map[string]rule {
	out := map[string]rule{"expand[]": {}}
	for field := range strings.FieldsSeq(text) {
		var r rule
		field, r.required = strings.CutSuffix(field, "!")
		if name, values, ok := strings.Cut(field, "="); ok {
			r.kind, r.values, field = '=', strings.Split(values, "|"), name
		} else if last := field[len(field)-1]; last == '#' || last == '?' {
			r.kind, field = last, field[:len(field)-1]
		}
		out[field] = r
		if head, ok := strings.CutSuffix(field, "[*]"); ok {
			out[head] = rule{} // "" empties it
		}
	}
	return out
}

// validate refuses what Stripe would refuse before it carries anything out.
func (p params) validate(want map[string]rule) *apiError {
	seen := map[string]bool{}
	for _, name := range sortedKeys(p) {
		general := general(name)
		r, ok := want[general]
		if !ok {
			return refuse(name, "parameter_unknown", "Received unknown parameter: %s", name)
		}
		seen[general] = true
		for _, v := range p[name] {
			if err := r.check(name, v); err != nil {
				return err
			}
		}
	}
	names := map[string]bool{}
	for name, r := range want {
		names[name] = r.required
	}
	for _, name := range sorted(names) {
		if names[name] && !seen[name] {
			return refuse(name, "parameter_missing", "Missing required param: %s.", name)
		}
	}
	return nil
}

func (r rule) check(name, v string) *apiError {
	switch r.kind {
	case '#':
		if _, err := strconv.ParseInt(v, 10, 64); err != nil && v != "" {
			return refuse(name, "parameter_invalid_integer", "Invalid integer: %s", v)
		}
	case '?':
		if v != "true" && v != "false" {
			return refuse(name, "", "Invalid boolean: %s", v)
		}
	case '=':
		if !slices.Contains(r.values, v) {
			return refuse(name, "", "Invalid %s: must be one of %s", name, strings.Join(r.values, ", "))
		}
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// form is the parameters as they were sent, in one order.
func (p params) form() url.Values { return url.Values(p) }
