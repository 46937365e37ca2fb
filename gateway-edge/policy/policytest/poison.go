package policytest

import (
	"reflect"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

const poison = 0xDB

// searchPoison walks everything that outlives an exchange and fails when it
// holds bytes of a buffer that was given back.
func searchPoison(t testing.TB, p policy.Policy, state func(string, func() any) any, r *Result) {
	t.Helper()
	w := walker{seen: map[uintptr]bool{}}
	w.walk(reflect.ValueOf(p), "policy", 0)
	if state != nil {
		w.walk(reflect.ValueOf(state(allStates, func() any { return nil })), "state", 0)
	}
	w.walk(reflect.ValueOf(&r.Trace), "trace", 0)
	w.walk(reflect.ValueOf(r.Principal), "principal", 0)
	if w.found != "" {
		t.Errorf("%s keeps bytes of the message after the exchange: Clone them", w.found)
	}
}

type walker struct {
	seen  map[uintptr]bool
	nodes int
	found string
}

const maxNodes = 200_000

func (w *walker) walk(v reflect.Value, path string, depth int) {
	if w.nodes++; w.found != "" || w.nodes > maxNodes || depth > 40 || !v.IsValid() {
		return
	}
	switch v.Kind() {
	case reflect.String:
		if s := v.String(); s != "" && strings.Count(s, string([]byte{poison})) == len(s) {
			w.found = path
		}
	case reflect.Pointer:
		if !v.IsNil() && !w.seen[v.Pointer()] {
			w.seen[v.Pointer()] = true
			w.walk(v.Elem(), path, depth+1)
		}
	case reflect.Interface:
		if !v.IsNil() {
			w.walk(v.Elem(), path, depth+1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			w.walk(v.Field(i), path+"."+v.Type().Field(i).Name, depth+1)
		}
	case reflect.Slice, reflect.Array:
		w.list(v, path, depth)
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			w.walk(it.Key(), path+" key", depth+1)
			w.walk(it.Value(), path+"[]", depth+1)
		}
	}
}

func (w *walker) list(v reflect.Value, path string, depth int) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		n := 0
		for i := range min(v.Len(), 4096) {
			if v.Index(i).Uint() == poison {
				n++
			}
		}
		if n > 0 && n == v.Len() {
			w.found = path
		}
		return
	}
	for i := range min(v.Len(), 4096) {
		w.walk(v.Index(i), path+"[]", depth+1)
	}
}
