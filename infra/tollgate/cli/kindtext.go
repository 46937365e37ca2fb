package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/infra/tollgate/cli/show"
)

// liveText says how many edges serve the newest version.
func liveText(o object) string {
	if textAt(o, "live.edges") == "" {
		return ""
	}
	return textAt(o, "live.edges_live") + " of " + textAt(o, "live.edges") + " edges"
}

func objects(v any) (out []object) {
	list, _ := v.([]any)
	for _, e := range list {
		if m, ok := e.(object); ok {
			out = append(out, m)
		}
	}
	return out
}

func targetsText(o object) string {
	var parts []string
	for _, t := range objects(o["targets"]) {
		text := textAt(t, "url")
		if w := textAt(t, "weight"); w != "" && w != "1" {
			text += "=" + w
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ",")
}

func methodsText(o object) string {
	if m := textAt(o, "match.methods"); m != "" {
		return m
	}
	return "all"
}

// destinationText is where a route's requests go.
func destinationText(o object) string {
	if u := textAt(o, "upstream"); u != "" {
		return u
	}
	return textAt(o, "integration.type")
}

func policiesText(o object) string {
	var parts []string
	for _, p := range objects(o["policies"]) {
		parts = append(parts, textAt(p, "type"))
	}
	if textAt(o, "public") == "true" {
		parts = append(parts, "(public)")
	}
	return strings.Join(parts, ",")
}

func rateText(o object) string {
	rate := textAt(o, "rate_limit.rate")
	if rate == "" {
		return ""
	}
	per := textAt(o, "rate_limit.per")
	if per == "" {
		per = "second"
	}
	return rate + "/" + per
}

func quotaText(o object) string {
	if limit := textAt(o, "quota.limit"); limit != "" {
		return limit + "/" + textAt(o, "quota.period")
	}
	return ""
}

// shownKey prints a new key, alone on standard output so that a script can take it.
func shownKey(a *App, o object) {
	a.out.Note("This is the key. It is shown now and never again:")
	fmt.Fprintln(a.out.Out, show.Clean(textAt(o, "key")))
}

func shareFlag(name, path, help string) flag {
	return flag{name: name, typ: "number", help: help, put: func(body object, v string) error {
		n, err := strconv.ParseFloat(v, 64)
		if err != nil || n != n {
			return errors.New("is no number")
		}
		o, f := at(body, path)
		o[f] = n
		return nil
	}}
}

// targetFlag is a backend's URL with its share of requests.
func targetFlag() flag {
	return flag{name: "target", typ: "URL[=WEIGHT]", path: "targets", many: true, help: "a backend, scheme://host[:port], with its weight; may be given several times", put: func(body object, v string) error {
		url, weight, weighted := strings.Cut(v, "=")
		t := object{"url": url}
		if weighted {
			n, err := strconv.Atoi(weight)
			if err != nil {
				return fmt.Errorf("the weight %q is no whole number", weight)
			}
			t["weight"] = n
		}
		return add(body, "targets", t)
	}}
}

// policyFlag is a policy's type with its configuration.
func policyFlag() flag {
	return flag{name: "policy", typ: "TYPE[=JSON]", path: "policies", many: true, help: "a policy on its way, with its configuration; may be given several times", put: func(body object, v string) error {
		typ, config, configured := strings.Cut(v, "=")
		p := object{"type": typ}
		if configured {
			c, err := decode([]byte(config))
			if err != nil || !json.Valid([]byte(config)) {
				return fmt.Errorf("the configuration of policy %s is no JSON object", typ)
			}
			p["config"] = c
		}
		return add(body, "policies", p)
	}}
}

// pairFlag is one field of an object whose names are free.
func pairFlag(name, path, help string) flag {
	return flag{name: name, typ: "NAME=VALUE", path: path, many: true, help: help + "; may be given several times", put: func(body object, v string) error {
		k, value, ok := strings.Cut(v, "=")
		if !ok || k == "" {
			return errors.New("say NAME=VALUE")
		}
		o, f := at(body, path)
		m, ok := o[f].(object)
		if !ok {
			m = object{}
			o[f] = m
		}
		m[k] = value
		return nil
	}}
}

// perFlag is a number in a time: 100/second.
func perFlag(name, path, number, period, help string) flag {
	return flag{name: name, typ: "N/PERIOD", help: help, put: func(body object, v string) error {
		n, per, ok := strings.Cut(v, "/")
		limit, err := strconv.ParseInt(n, 10, 64)
		if !ok || err != nil || per == "" {
			return fmt.Errorf("%q is not like 100/second", v)
		}
		o, f := at(body, path+"."+number)
		o[f], o[period] = limit, per
		return nil
	}}
}

// maxSecret bounds a secret's value, as the API does, in bytes.
const maxSecret = 64 << 10

// valueFileFlag is the file that a secret's value stands in.
func (a *App) valueFileFlag() flag {
	return flag{name: "value-file", typ: "FILE", late: true, help: "file that the value stands in; -: standard input; a newline at its end is left out", put: func(body object, v string) error {
		in := a.cfg.In
		if v != "-" {
			f, err := os.Open(v)
			if err != nil {
				return err
			}
			defer f.Close()
			in = f
		}
		raw, err := io.ReadAll(io.LimitReader(in, maxSecret+2))
		if err != nil {
			return fmt.Errorf("read the value: %w", err)
		}
		value := strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r")
		if len(value) > maxSecret {
			return fmt.Errorf("the value is larger than %d bytes", maxSecret)
		}
		body["value"] = value
		return nil
	}}
}

// valueFlag is a secret's value on the command line, which others can see.
func (a *App) valueFlag() flag {
	return flag{name: "value", typ: "string", late: true, help: "the value itself: others can see it here, so better --value-file", put: func(body object, v string) error {
		a.out.Note("warning: other users of this machine, and the shell's history, can see a value on the command line; use --value-file")
		body["value"] = v
		return nil
	}}
}
