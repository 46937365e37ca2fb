package contract

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"
)

type strictInner struct {
	Name string `json:"name"`
	Hits *int   `json:"hits,omitempty"`
}

type strictOuter struct {
	Mode    string                 `json:"mode"`
	Count   int                    `json:"count"`
	Wait    Duration               `json:"wait"`
	List    []strictInner          `json:"list"`
	ByName  map[string]strictInner `json:"by_name"`
	Raw     json.RawMessage        `json:"raw"`
	private int
}

func TestDecodeStrict(t *testing.T) {
	t.Parallel()
	hits := 3
	tests := []struct {
		name string
		in   string
		want strictOuter
		errs FieldErrors
	}{
		{
			name: "all", in: `{"mode":"a","count":2,"wait":"3s","list":[{"name":"x","hits":3}],"by_name":{"k/1":{"name":"y"}},"raw":{"a":1}}`,
			want: strictOuter{
				Mode: "a", Count: 2, Wait: Duration(3 * time.Second), List: []strictInner{{"x", &hits}},
				ByName: map[string]strictInner{"k/1": {Name: "y"}}, Raw: json.RawMessage(`{"a":1}`),
			},
		},
		{name: "defaults stay", in: `{}`, want: strictOuter{private: 0}},
		{
			name: "every error at once", in: `{"modes":1,"count":"2","wait":7,"list":[{"name":1},{"nam":"x"}],"by_name":{"k/~":{"name":true}}}`,
			errs: FieldErrors{
				{"/modes", `unknown field; did you mean "mode"?`},
				{"/count", "must be a whole number, not a string"},
				{"/wait", `a duration is a string such as "30s"`},
				{"/list/0/name", "must be a string, not the number 1"},
				{"/list/1/nam", `unknown field; did you mean "name"?`},
				{"/by_name/k~1~0/name", "must be a string, not true"},
			},
		},
		{name: "case matters", in: `{"Mode":"a"}`, errs: FieldErrors{{"/Mode", `unknown field; did you mean "mode"?`}}},
		{name: "unexported", in: `{"private":1}`, errs: FieldErrors{{"/private", "unknown field; known are by_name, count, list, mode, raw, wait"}}},
		{name: "repeated", in: `{"mode":"a","mode":"b"}`, errs: FieldErrors{{"/mode", "given more than once"}}},
		{name: "null", in: `{"mode":null}`, errs: FieldErrors{{"/mode", "must not be null; leave it out instead"}}},
		{name: "fraction", in: `{"count":1.5}`, errs: FieldErrors{{"/count", "must be a whole number, not the number 1.5"}}},
		{name: "array for object", in: `[]`, errs: FieldErrors{{"", "must be an object, not an array"}}},
		{name: "object for array", in: `{"list":{}}`, errs: FieldErrors{{"/list", "must be an array, not an object"}}},
		{name: "trailing", in: `{} x`, errs: FieldErrors{{"", "not valid JSON at byte 4: invalid character 'x' after top-level value"}}},
		{name: "empty", in: ``, errs: FieldErrors{{"", "not valid JSON at byte 0: unexpected end of JSON input"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got strictOuter
			err := DecodeStrict([]byte(tt.in), &got)
			var errs FieldErrors
			errors.As(err, &errs)
			if !reflect.DeepEqual(errs, tt.errs) {
				t.Fatalf("errors\n got %q\nwant %q", errs, tt.errs)
			}
			if tt.errs == nil && !reflect.DeepEqual(got, tt.want) {
				t.Fatalf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestFieldErrors(t *testing.T) {
	t.Parallel()
	var e FieldErrors
	if e.Err() != nil {
		t.Fatal("no field is bad, yet Err is not nil")
	}
	e.AddAt("/policies/0/config", FieldErrors{{"/allow/1", "is bad"}})
	e.AddAt("/hosts", errors.New("is empty"))
	e.AddAt("/never", nil)
	if got, want := e.Err().Error(), "/policies/0/config/allow/1: is bad; /hosts: is empty"; got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestAddNew(t *testing.T) {
	t.Parallel()
	e := FieldErrors{{"/a", "x"}, {"/b/0", "x"}}
	e.AddNew(FieldErrors{{"/a", "y"}, {"/a/c", "y"}, {"/ab", "y"}, {"/b", "y"}, {"/b/00", "y"}, {"/ab", "z"}})
	if got, want := e.Error(), "/a: x; /b/0: x; /ab: y; /b: y; /b/00: y; /ab: z"; got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
	whole := FieldErrors{{"", "not JSON"}}
	whole.AddNew(FieldErrors{{"/a", "y"}, {"", "z"}})
	if len(whole) != 1 {
		t.Fatalf("got %q", whole)
	}
}

func TestClosest(t *testing.T) {
	t.Parallel()
	names := []string{"api_key", "jwt", "ip_filter", "rate_limit"}
	for written, want := range map[string]string{
		"apikey": "api_key", "api-key": "api_key", "jtw": "jwt", "rate_limits": "rate_limit",
		"ratelimit": "rate_limit", "zzz": "", "": "", "x": "",
	} {
		if got, _ := Closest(written, names); got != want {
			t.Errorf("Closest(%q) = %q, want %q", written, got, want)
		}
	}
}

func FuzzDecodeStrict(f *testing.F) {
	f.Add([]byte(`{"mode":"a","list":[{"name":"x"}],"by_name":{"a":{}}}`))
	f.Add([]byte(`{"wait":"1s","raw":[1]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v, again strictOuter
		if DecodeStrict(b, &v) != nil {
			return
		}
		// What the strict decoder takes, encoding/json takes with the same result.
		if err := json.Unmarshal(b, &again); err != nil {
			t.Fatalf("encoding/json refuses: %v", err)
		}
		x, _ := json.Marshal(v)
		y, _ := json.Marshal(again)
		if string(x) != string(y) {
			t.Fatalf("strict %s, encoding/json %s", x, y)
		}
	})
}

func TestDecodeStrictTakesFieldsOfEmbeddedStructs(t *testing.T) {
	t.Parallel()
	type Inner struct {
		Sample *float64 `json:"sample,omitempty"`
	}
	var v struct {
		Name string `json:"name"`
		Inner
	}
	if err := DecodeStrict([]byte(`{"name":"a","sample":0.5}`), &v); err != nil || v.Sample == nil || *v.Sample != 0.5 {
		t.Fatalf("decoded %+v, %v", v, err)
	}
	err := DecodeStrict([]byte(`{"Inner":{},"sampel":1}`), &v)
	var fields FieldErrors
	if !errors.As(err, &fields) || len(fields) != 2 || fields[0].Pointer != "/Inner" || fields[1].Pointer != "/sampel" {
		t.Fatalf("an unknown field gave %v", err)
	}
}

// TestStrictEmbedded: of two fields of one name the outer one is meant, as in
// encoding/json.
func TestStrictEmbedded(t *testing.T) {
	t.Parallel()
	type Inner struct {
		A int `json:"a"`
		B int `json:"b"`
	}
	var before struct {
		A int `json:"a"`
		Inner
	}
	var behind struct {
		Inner
		A int `json:"a"`
	}
	for _, v := range []any{&before, &behind} {
		if err := DecodeStrict([]byte(`{"a":1,"b":2}`), v); err != nil {
			t.Fatal(err)
		}
	}
	if before.A != 1 || before.Inner != (Inner{B: 2}) || behind.A != 1 || behind.Inner != (Inner{B: 2}) {
		t.Errorf("%+v %+v", before, behind)
	}
}
