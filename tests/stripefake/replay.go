package stripefake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Mocks are the base URLs of two stripe-mocks, which know every parameter and field
// of the API at their version, and keep no state.
type Mocks struct {
	Meters  string // 0.203.0 knows billing meters
	Records string // 0.183.0 is API 2023-10-16, with usage records and without meters
}

// Replayed counts what Replay sent.
type Replayed struct{ Meters, Records int }

// Replay sends each request that the fake carried out to the stripe-mock that knows
// it, which refuses what is not of the API's shape; and looks whether the fake's
// answers are of its shape too: the same object, no field that is unknown there.
// The error names every request that differs.
func Replay(ctx context.Context, log []Entry, to Mocks) (done Replayed, err error) {
	var errs []error
	for _, e := range log {
		if e.Status != http.StatusOK || e.Replayed {
			continue
		}
		base, n := to.Records, &done.Records
		if e.metered() {
			base, n = to.Meters, &done.Meters
		}
		*n++
		if err := e.replay(ctx, base); err != nil {
			errs = append(errs, fmt.Errorf("%s %s?%s: %w", e.Method, e.Path, e.Params.Encode(), err))
		}
	}
	return done, errors.Join(errs...)
}

// metered says that a request is of billing meters.
func (e Entry) metered() bool {
	return strings.HasPrefix(e.Path, "/v1/billing/meter") || e.Params.Has("recurring[meter]")
}

func (e Entry) replay(ctx context.Context, base string) error {
	where, body := base+e.Path, ""
	if e.Method == http.MethodPost {
		body = e.Params.Encode()
	} else if len(e.Params) > 0 {
		where += "?" + e.Params.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, e.Method, where, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer sk_test_123")
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("stripe-mock answers %d: %s", resp.StatusCode, b)
	}
	if e.Answer == "" || e.metered() && strings.HasPrefix(e.Path, "/v1/prices") {
		return nil // prices of the newer version have other fields
	}
	var mine, theirs map[string]any
	if err := errors.Join(json.Unmarshal([]byte(e.Answer), &mine), json.Unmarshal(b, &theirs)); err != nil {
		return err
	}
	return errors.Join(compare("", mine, theirs)...)
}

// compare finds what an answer of the fake has that stripe-mock's has not.
func compare(at string, mine, theirs map[string]any) (errs []error) {
	if mine["object"] != theirs["object"] {
		return []error{fmt.Errorf("%s is %v at the fake, %v at stripe-mock", at, mine["object"], theirs["object"])}
	}
	if mine["deleted"] == true {
		return nil
	}
	for _, name := range sortedKeys(mine) {
		v, ok := theirs[name]
		where := at + "." + name
		switch {
		case slices.Contains([]string{"metadata", "payload"}, name):
		case !ok && !optional[fmt.Sprint(mine["object"])+"."+name]:
			errs = append(errs, fmt.Errorf("stripe-mock knows no %s", where))
		case mine[name] == nil || v == nil:
		case fmt.Sprintf("%T", mine[name]) != fmt.Sprintf("%T", v):
			errs = append(errs, fmt.Errorf("%s is %T at the fake, %T at stripe-mock", where, mine[name], v))
		default:
			errs = append(errs, compareInside(where, mine[name], v)...)
		}
	}
	return errs
}

func compareInside(at string, mine, theirs any) []error {
	switch mine := mine.(type) {
	case map[string]any:
		if _, typed := mine["object"].(string); typed {
			return compare(at, mine, theirs.(map[string]any))
		}
	case []any:
		if list := theirs.([]any); len(mine) > 0 && len(list) > 0 {
			return compareInside(at+"[]", mine[0], list[0])
		}
	}
	return nil
}

// optional are fields that stripe-mock's examples leave out, by object.
var optional = map[string]bool{"line_item.subscription_item": true, "invoice.subscription_proration_date": true}

// FetchLog is the log of a fake in another process, by its base URL.
func FetchLog(ctx context.Context, base string) ([]Entry, error) {
	u, err := url.JoinPath(base, "/_fake/log")
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var out struct{ Entries []Entry }
	err = json.NewDecoder(resp.Body).Decode(&out)
	return out.Entries, err
}
