package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"
)

// Error is an answer that is no success: the portal's problem document (RFC 9457).
type Error struct {
	Problem
}

// Error names the code, the detail and every bad field.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%d)", e.Title, e.Status)
	if e.Detail != nil {
		b.WriteString(": " + *e.Detail)
	}
	if e.Errors != nil {
		for _, f := range *e.Errors {
			b.WriteString("\n  " + f.Pointer + " " + f.Detail)
		}
	}
	if e.RequestID != "" {
		b.WriteString(" [request " + e.RequestID + "]")
	}
	return b.String()
}

// Code returns the stable code of an error of this package, "" for others.
func Code(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Problem.Code
	}
	return ""
}

// Result turns an answer of a generated method into a value or an error: value
// is the field of the success, such as JSON200.
func Result[T any](value *T, res *http.Response, body []byte, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	if err := Done(res, body, nil); err != nil {
		return nil, err
	}
	if value == nil {
		return nil, fmt.Errorf("the portal answered %s with something else than its document says", res.Status)
	}
	return value, nil
}

// Done is Result for an answer without a value.
func Done(res *http.Response, body []byte, err error) error {
	if err != nil {
		return err
	}
	if res.StatusCode < 400 {
		return nil
	}
	e := &Error{}
	if json.Unmarshal(body, &e.Problem) != nil || e.Problem.Code == "" {
		e.Problem = Problem{Title: http.StatusText(res.StatusCode), Code: "unknown", Status: res.StatusCode, RequestID: res.Header.Get("X-Request-Id")}
	}
	e.Status = res.StatusCode
	return e
}

// Pages makes one sequence of a list. Fetch answers one page: its items and the
// next page's cursor, nil on the last. The sequence ends with the first error.
func Pages[T any](ctx context.Context, fetch func(ctx context.Context, cursor *string) (items []T, next *string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var cursor *string
		for {
			items, next, err := fetch(ctx, cursor)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for i := range items {
				if !yield(items[i], nil) {
					return
				}
			}
			if next == nil || *next == "" {
				return
			}
			cursor = next
		}
	}
}
