package webhook_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/migrations/migrationstest"
	"github.com/tollgate/tollgate/services/internal/storetest"
	"github.com/tollgate/tollgate/services/webhook"
)

// checked is a request that a receiver gets, and whether it has to take it.
type checked struct {
	Name    string            `json:"name"`
	Secret  string            `json:"secret"`
	Headers map[string]string `json:"headers"` // names in lower case
	Body    []byte            `json:"body"`
	takes   bool
}

// requests are a real message that two secrets signed, and what somebody could make
// of it.
func requests(t *testing.T) []checked {
	t.Helper()
	w, r := newWorld(t, storetest.Open(t, migrationstest.SQLite(t), nil)), newReceiver(t)
	old := w.hook(t, "hook", r.URL)
	fresh, _, err := w.svc.Rotate(t.Context(), w.org, "shop", "hook")
	if err != nil {
		t.Fatal(err)
	}
	w.Key(t, w.org, w.gw, "ann")
	w.send(t)
	got := r.take()
	if len(got) != 1 {
		t.Fatalf("%d messages", len(got))
	}
	sent := map[string]string{}
	for _, name := range []string{webhook.HeaderID, webhook.HeaderTimestamp, webhook.HeaderSignature} {
		sent[name] = got[0].header.Get(name)
	}
	id, body := sent[webhook.HeaderID], got[0].raw
	with := func(name, value string) map[string]string {
		h := maps.Clone(sent)
		if h[name] = value; value == "" {
			delete(h, name)
		}
		return h
	}
	at := func(when time.Time) map[string]string {
		signature, err := webhook.Sign(fresh, id, when, body)
		if err != nil {
			t.Fatal(err)
		}
		h := with(webhook.HeaderTimestamp, fmt.Sprint(when.Unix()))
		h[webhook.HeaderSignature] = signature
		return h
	}
	other := webhook.SecretPrefix + strings.Repeat("QUJD", 8)
	return []checked{
		{"as it was sent", fresh, sent, body, true},
		{"by the former secret", old, sent, body, true},
		{"signed now", fresh, at(time.Now()), body, true},
		{"by another secret", other, sent, body, false},
		{"another body", fresh, sent, append(bytes.Clone(body), ' '), false},
		{"another id", fresh, with(webhook.HeaderID, "evt_other"), body, false},
		{"too old", fresh, at(time.Now().Add(-6 * time.Minute)), body, false},
		{"from the future", fresh, at(time.Now().Add(6 * time.Minute)), body, false},
		{"no time", fresh, with(webhook.HeaderTimestamp, ""), body, false},
		{"a time that is none", fresh, with(webhook.HeaderTimestamp, "soon"), body, false},
		{"a time without an end", fresh, with(webhook.HeaderTimestamp, strings.Repeat("9", 6000)), body, false},
		{"no id", fresh, with(webhook.HeaderID, ""), body, false},
		{"no signature", fresh, with(webhook.HeaderSignature, ""), body, false},
		{"a signature of other letters", fresh, with(webhook.HeaderSignature, "v1,é"), body, false},
	}
}

// How the snippet of a language is run: it gets the cases as JSON, and prints whether
// it takes each.
var runs = map[string]struct {
	file, before, after string
	command             []string
}{
	"js": {
		file: "check.mjs", command: []string{"node"},
		before: "import { readFileSync } from 'node:fs';\n",
		after: `
const cases = JSON.parse(readFileSync(0));
console.log(JSON.stringify(cases.map((c) => verify(c.secret, c.headers, Buffer.from(c.body, 'base64')))));
`,
	},
	"python": {
		file: "check.py", command: []string{"python3"},
		before: "import json, sys\n",
		after: `
print(json.dumps([verify(c["secret"], c["headers"], base64.b64decode(c["body"])) for c in json.load(sys.stdin)]))
`,
	},
	"go": {
		file: "check.go", command: []string{"go", "run"},
		before: `package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

`,
		after: `
func main() {
	var cases []struct {
		Secret  string
		Headers map[string]string
		Body    []byte
	}
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	out := make([]bool, len(cases))
	for i, c := range cases {
		h := http.Header{}
		for name, value := range c.Headers {
			h.Set(name, value)
		}
		out[i] = verify(c.Secret, h, c.Body) == nil
	}
	_ = json.NewEncoder(os.Stdout).Encode(out)
}
`,
	},
}

// snippet is the page's block of a language.
func snippet(t *testing.T, language string) string {
	t.Helper()
	page, err := os.ReadFile("../../portal/docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```"+language+"\n")
	code, _, ok := strings.Cut(rest, "```\n")
	if !ok {
		t.Fatalf("portal/docs/webhooks.md has no snippet in %s", language)
	}
	return code
}

// TestSnippets runs what the documentation tells receivers to write, over a real
// message and over what is none: it never takes a wrong one, and never breaks.
func TestSnippets(t *testing.T) {
	t.Parallel()
	all := requests(t)
	in, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	for _, language := range slices.Sorted(maps.Keys(runs)) {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			r := runs[language]
			if _, err := exec.LookPath(r.command[0]); err != nil {
				t.Fatalf("%s is not here: make test installs it", r.command[0])
			}
			file := filepath.Join(t.TempDir(), r.file)
			if err := os.WriteFile(file, []byte(r.before+snippet(t, language)+r.after), 0o644); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), r.command[0], append(slices.Clone(r.command[1:]), file)...)
			cmd.Dir, cmd.Stdin = filepath.Dir(file), bytes.NewReader(in)
			var errs bytes.Buffer
			cmd.Stderr = &errs
			answer, err := cmd.Output()
			var took []bool
			if err != nil || json.Unmarshal(answer, &took) != nil || len(took) != len(all) {
				t.Fatalf("%v: %s%s", err, answer, errs.String())
			}
			for i, c := range all {
				if took[i] != c.takes {
					t.Errorf("%s: taken %v, want %v", c.Name, took[i], c.takes)
				}
			}
		})
	}
}

// TestPageShowsTheSnippet holds the portal's page to the documentation.
func TestPageShowsTheSnippet(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../../portal/web/src/pages/webhooks/Snippet.tsx")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(source), "const text = `")
	shown, _, _ := strings.Cut(rest, "`;\n")
	if shown = strings.NewReplacer("\\`", "`", `\${`, "${").Replace(shown) + "\n"; shown != snippet(t, "js") {
		t.Errorf("the page shows\n%s", shown)
	}
}
