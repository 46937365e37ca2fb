package apitest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const importDir = "../../../services/importer/oas/testdata/documents/"

// TestImportRoundTrip applies documents of 30 shapes to a gateway, which checks all
// that they make, and its exports: to itself there is no difference, and another
// gateway becomes the same.
func TestImportRoundTrip(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{})
	ada := e.signup("ada")
	one := "/v1/gateways/" + ada.post("/v1/gateways", object{"name": "one"}).want(201).str("id")
	two := "/v1/gateways/" + ada.post("/v1/gateways", object{"name": "two"}).want(201).str("id")
	names, err := filepath.Glob(importDir + "*")
	if err != nil || len(names) < 30 {
		t.Fatalf("%d documents: %v", len(names), err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		options := object{}
		if js, ok := strings.CutPrefix(strings.SplitN(string(text), "\n", 2)[0], "# options: "); ok {
			if err := json.Unmarshal([]byte(js), &options); err != nil {
				t.Fatal(err)
			}
		}
		options["existing"] = "remove"
		in := object{"document": string(text), "options": options}
		before := ada.get(one + "/config").want(200).header.Get("ETag")
		a := ada.post(one+"/import/openapi", in).want(200)
		if a.at("blocked") != false || a.at("applied") != false || len(a.list("changes")) == 0 {
			t.Fatalf("%s: %s", filepath.Base(name), a.body)
		}
		if ada.get(one+"/config").want(200).header.Get("ETag") != before {
			t.Fatalf("%s: looking changed the gateway", name)
		}
		if a := ada.post(one+"/import/openapi?apply=true", in).want(200); a.at("applied") != true {
			t.Fatalf("%s: %s", name, a.body)
		}
		again := ada.post(one+"/import/openapi?apply=true", in).want(200)
		if n := len(again.list("changes")); n != 0 {
			t.Errorf("%s: imported again there are %d differences: %s", filepath.Base(name), n, again.body)
		}
		doc := string(ada.get(one + "/export?format=openapi").want(200).body)
		same := ada.post(one+"/import/openapi", object{"document": doc, "options": object{"existing": "remove"}}).want(200)
		if n := len(same.list("changes")); n != 0 || same.at("blocked") != false {
			t.Errorf("%s: %d differences to its own export: %s", filepath.Base(name), n, same.body)
		}
		ada.delete(two + "/openapi")
		ada.post(two+"/import/openapi?apply=true", object{"document": doc, "options": object{"existing": "remove"}}).want(200)
		if other := string(ada.get(two + "/export").want(200).body); canonical(t, other) != canonical(t, doc) && options["document"] != "drop" {
			t.Errorf("%s: another gateway exports\n%s\nwant\n%s", filepath.Base(name), other, doc)
		}
	}
}

func canonical(t *testing.T, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(v)
}

func TestImportRefusals(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		g := ada.demo("demo")
		doc := func(more string) object {
			return object{"document": "openapi: 3.0.3\ninfo: {title: T}\npaths:\n  /x:\n    get: {security: [{k: []}]}\n  /y:\n    get: {}\ncomponents: {securitySchemes: {k: {type: http, scheme: bearer}}}\n" + more, "options": object{"upstream": "u"}}
		}
		a := ada.post(g+"/import/openapi", doc("")).want(200)
		if a.at("blocked") != true {
			t.Fatalf("got %s", a.body)
		}
		ada.post(g+"/import/openapi?apply=true", doc("")).wantFields("/document/paths/~1x/get/security/0/k")
		some := doc("")
		some["options"] = object{"upstream": "u", "skip_refused": true}
		if a := ada.post(g+"/import/openapi?apply=true", some).want(200); len(a.list("changes")) != 3 {
			t.Errorf("got %s", a.body)
		}
		ada.get(g + "/routes/get-y").want(200)
		if x := ada.get(g + "/routes/get-x").want(200); !strings.Contains(string(x.body), `{"status":403}`) {
			t.Errorf("what was skipped is not closed: %s", x.body)
		}

		ada.post(g+"/import/openapi", object{"document": "{"}).wantFields("/document")
		ada.post(g+"/import/openapi", object{"document": "a: 1", "options": object{"mode": "x", "prefix": "y"}}).wantFields("/options/mode")
		ada.post(g+"/import/openapi", object{"document": "a: 1", "options": object{"prefix": "y"}}).wantFields("/options/prefix")
		ada.post(g+"/import/openapi", object{"document": strings.Repeat("x", 21<<20)}).want(413)
		ada.get(g + "/export?format=yaml").want(422)

		// What the gateway refuses stands at the line that asked for it.
		lost := doc("")
		lost["options"] = object{"upstream": "gone", "skip_refused": true}
		if a := ada.post(g+"/import/openapi", lost).want(200); a.at("blocked") != true || !strings.Contains(string(a.body), "gone") || !strings.Contains(string(a.body), `"line":7`) {
			t.Errorf("got %s", a.body)
		}
		// A route of the gateway that takes the same requests.
		clash := object{"document": "openapi: 3.0.3\ninfo: {title: T}\npaths: {'/orders/{n}': {get: {}}}\n", "options": object{"upstream": "u"}}
		if a := ada.post(g+"/import/openapi", clash).want(200); a.at("blocked") != true {
			t.Errorf("got %s", a.body)
		}
		other := object{"document": "openapi: 3.0.3\ninfo: {title: T}\npaths: {/z: {get: {operationId: r}}}\n", "options": object{"upstream": "u", "on_conflict": "refuse"}}
		if a := ada.post(g+"/import/openapi", other).want(200); a.at("blocked") != true || !strings.Contains(string(a.body), "on_conflict") {
			t.Errorf("got %s", a.body)
		}
	})
}
