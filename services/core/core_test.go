package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tollgate/tollgate/services/contract"
)

func TestNewIDsAreValidUniqueAndSorted(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	var last string
	for range 200 {
		id := NewID(PrefixGateway)
		if err := CheckID(PrefixGateway, id); err != nil || seen[id] {
			t.Fatalf("id %q, %v", id, err)
		}
		seen[id] = true
		// UUIDv7 of google/uuid rises within a process.
		if id <= last {
			t.Errorf("%q follows %q", id, last)
		}
		last = id
	}
}

func TestCheckIDRefuses(t *testing.T) {
	t.Parallel()
	good := NewID("gw")
	for _, id := range []string{"", "gw_", good[:len(good)-1], good + "0", "rt" + good[2:], strings.ToUpper(good), "gw-" + good[3:], good[:28] + "u"} {
		if CheckID("gw", id) == nil {
			t.Errorf("%q is taken for an id", id)
		}
	}
}

func TestCodesAreComplete(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, c := range Codes() {
		i := c.Info()
		if i.Name == "" || i.Title == "" || i.Status < 400 || i.Status > 599 || names[i.Name] {
			t.Errorf("code %d is %+v", c, i)
		}
		names[i.Name] = true
	}
	if Code(200).Info() != CodeInternal.Info() {
		t.Error("an unknown code is not internal")
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	cause := errors.New("password=hunter2")
	err := fmt.Errorf("read: %w", Wrap(CodeStoreUnavailable, cause, "try again"))
	if CodeOf(err) != CodeStoreUnavailable || !errors.Is(err, cause) || CodeOf(cause) != CodeInternal {
		t.Errorf("codes of %v", err)
	}
	var e *Error
	if !errors.As(err, &e) || strings.Contains(e.Detail, "hunter2") {
		t.Errorf("detail %q", e.Detail)
	}
	if Invalid(nil) != nil || Invalid(contract.FieldErrors(nil).Err()) != nil {
		t.Error("no bad field is an error")
	}
	in := Invalid(contract.FieldErrors{{Pointer: "/a", Detail: "x"}, {Pointer: "/b", Detail: "y"}})
	if !errors.As(in, &e) || e.Code != CodeInvalid || len(e.Fields) != 2 || e.Detail != "2 fields are not valid" {
		t.Errorf("invalid %+v", in)
	}
	if again := Invalid(in); again != in {
		t.Error("an Error was wrapped twice")
	}
	if plain := Invalid(errors.New("bad")); !errors.As(plain, &e) || e.Fields[0].Pointer != "" || e.Fields[0].Detail != "bad" {
		t.Errorf("plain %+v", plain)
	}
}

// TestPagesCoverAList walks random lists in pages of random sizes.
func TestPagesCoverAList(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfDistinct(rapid.StringMatching(`[a-z]{1,6}`), rapid.ID[string]).Draw(t, "list")
		slices.Sort(list)
		size := rapid.IntRange(1, MaxPage).Draw(t, "size")
		var got []string
		for cursor := ""; ; {
			limit, after, err := Page{Limit: size, Cursor: cursor}.After()
			if err != nil {
				t.Fatal(err)
			}
			from, found := slices.BinarySearch(list, after)
			if found {
				from++
			}
			page := NextPage(slices.Clone(list[from:min(len(list), from+limit+1)]), limit, func(s string) string { return s })
			if len(page.Items) > size {
				t.Fatalf("%d items on a page of %d", len(page.Items), size)
			}
			got = append(got, page.Items...)
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		if !slices.Equal(got, list) {
			t.Fatalf("pages gave %q of %q", got, list)
		}
	})
}

func TestPageRefusesWhatItDidNotMake(t *testing.T) {
	t.Parallel()
	for _, p := range []Page{{Limit: -1}, {Limit: MaxPage + 1}, {Cursor: "!"}, {Cursor: "eA"}, {Cursor: strings.Repeat("MTp4", 400)}} {
		if _, _, err := p.After(); CodeOf(err) != CodeInvalid || err == nil {
			t.Errorf("%+v: %v", p, err)
		}
	}
	if limit, after, err := (Page{}).After(); limit != DefaultPage || after != "" || err != nil {
		t.Errorf("the zero page is %d %q %v", limit, after, err)
	}
}

func TestIfMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		field    string
		revision uint64
		ok       bool
	}{
		{"", 0, true},
		{"", 7, true},
		{`"7"`, 7, true},
		{`"6", "7"`, 7, true},
		{"*", 7, true},
		{"*", 0, false},
		{`"7"`, 8, false},
		{`"7"`, 0, false},
		{`W/"7"`, 7, false},
		{"7", 7, false},
		{`"07"`, 7, false},
		{`"0"`, 0, false},
		{"garbage", 7, false},
	} {
		if err := ParseIfMatch(c.field).Check(c.revision); (err == nil) != c.ok {
			t.Errorf("If-Match: %s against %d: %v", c.field, c.revision, err)
		} else if err != nil && CodeOf(err) != CodePreconditionFailed {
			t.Errorf("code of %v", err)
		}
	}
	if err := Revision(3).Check(3); err != nil {
		t.Error(err)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{
		"orders": true, "a": true, "A.b_c-9": true, "9": true, strings.Repeat("x", MaxName): true,
		"": false, "-a": false, ".": false, "a b": false, "ä": false, "a/b": false, "~x": false, strings.Repeat("x", MaxName+1): false, "a\x00": false,
	} {
		if err := CheckName(name); (err == nil) != ok {
			t.Errorf("name %q: %v", name, err)
		}
	}
	for name, ok := range map[string]bool{
		"shop": true, "a": true, "a-b-9": true, strings.Repeat("x", MaxGatewayName): true,
		"": false, "Shop": false, "-a": false, "a-": false, "a_b": false, "a.b": false, "xn--bcher-kva": false, "ab--c": false, strings.Repeat("x", MaxGatewayName+1): false,
	} {
		if err := CheckGatewayName(name); (err == nil) != ok {
			t.Errorf("gateway name %q: %v", name, err)
		}
	}
}

func TestActorTravels(t *testing.T) {
	t.Parallel()
	if a := ActorFrom(context.Background()); a.Kind != ActorSystem {
		t.Errorf("without an actor it is %+v", a)
	}
	ctx := WithActor(context.Background(), Actor{Kind: ActorToken, ID: "tok_1"})
	if a := ActorFrom(ctx); a.ID != "tok_1" {
		t.Errorf("actor %+v", a)
	}
}

func TestMillis(t *testing.T) {
	t.Parallel()
	now := SystemClock().Truncate(time.Millisecond)
	if !FromMillis(Millis(now)).Equal(now) || Millis(time.Time{}) != 0 || !FromMillis(0).IsZero() {
		t.Error("times change on their way")
	}
}
