package policy

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func list(h Headers) (out []string) {
	for n, v := range h.Each() {
		out = append(out, n.Clone()+"="+v.Clone())
	}
	return out
}

func newHeaders() *EngineHeaders {
	return &EngineHeaders{arena: &arena{b: make([]byte, 0, 16)}}
}

// TestHeadersAgainstModel applies random edits to a list and to a slice, which
// must stay the same.
func TestHeadersAgainstModel(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	names := []string{"Host", "X-One", "accept", "Accept", "X-ONE", "Cookie", "x-two"}
	for range 500 {
		h := newHeaders()
		var model [][2]string
		without := func(name string) (out [][2]string) {
			for _, f := range model {
				if !strings.EqualFold(f[0], name) {
					out = append(out, f)
				}
			}
			return out
		}
		for i := range r.IntN(40) {
			s := names[r.IntN(len(names))]
			n, err := HeaderName(s)
			if err != nil {
				t.Fatal(err)
			}
			v := fmt.Sprint(i)
			switch r.IntN(6) {
			case 0:
				h.Append([]byte(s), []byte(v))
				model = append(model, [2]string{s, v})
			case 1:
				h.Handle().Add(n, v)
				model = append(model, [2]string{n.String(), v})
			case 2:
				h.Handle().SetBytes(n, []byte(v))
				model = append(without(s), [2]string{n.String(), v})
			case 3:
				h.Handle().SetText(n, Static(v))
				model = append(without(s), [2]string{n.String(), v})
			case 4:
				h.Handle().Del(n)
				model = without(s)
			case 5:
				if k := r.IntN(len(h.f) + 1); k < len(h.f) && !h.f[k].Dead {
					live := 0
					for _, f := range h.f[:k] {
						if !f.Dead {
							live++
						}
					}
					h.Kill(k)
					model = append(model[:live:live], model[live+1:]...)
				}
			}
			var want []string
			for _, f := range model {
				want = append(want, f[0]+"="+f[1])
			}
			if got := list(h.Handle()); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("%v, want %v", got, want)
			}
			for _, s := range names {
				n, _ := HeaderName(s)
				wantV, wantOK, count := "", false, 0
				for _, f := range model {
					if strings.EqualFold(f[0], s) {
						if count++; count == 1 {
							wantV, wantOK = f[1], true
						}
					}
				}
				all := 0
				for range h.Handle().All(n) {
					all++
				}
				if v, ok := h.Handle().Get(n); !v.Is(wantV) || ok != wantOK || h.Count(n) != count || all != count {
					t.Fatalf("%s: %q %v %d, want %q %v %d", s, v.s, ok, all, wantV, wantOK, count)
				}
			}
		}
	}
}

// TestEditsNeverMove: a Text that was handed out stays what it was.
func TestEditsNeverMove(t *testing.T) {
	h := newHeaders()
	n, _ := HeaderName("X-A")
	h.Handle().SetBytes(n, []byte("first"))
	first, _ := h.Handle().Get(n)
	for i := range 200 {
		h.Handle().SetBytes(n, []byte(fmt.Sprintf("another value %d", i)))
	}
	if !first.Is("first") {
		t.Errorf("it became %q", first.s)
	}
}

func TestRefusedEdits(t *testing.T) {
	n, _ := HeaderName("X-A")
	for _, v := range []string{"a\rb", "a\nb", "a\x00b", "a\x7f"} {
		h := newHeaders()
		h.Handle().SetBytes(n, []byte(v))
		if !h.Fault() || h.Handle().Has(n) {
			t.Errorf("%q is accepted", v)
		}
	}
	h := newHeaders()
	for range EngineMaxFields + 1 {
		h.Handle().Add(n, "v")
	}
	if !h.Fault() {
		t.Error("there is no bound on fields")
	}
}
