package fault_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/tollgate/tollgate/infra/tollgate/cli/fault"
	"github.com/tollgate/tollgate/portal/client"
)

func TestOf(t *testing.T) {
	t.Parallel()
	api := func(status int) error {
		return fmt.Errorf("get it: %w", &client.Error{Problem: client.Problem{Status: status, Code: "x"}})
	}
	for name, c := range map[string]struct {
		err  error
		want fault.Code
		next bool
	}{
		"nothing":     {nil, fault.OK, false},
		"plain":       {errors.New("x"), fault.Failed, false},
		"mistake":     {fmt.Errorf("a: %w", fault.Mistake(errors.New("x"))), fault.Usage, false},
		"own":         {fault.New(fault.Differs, "", "x"), fault.Differs, false},
		"interrupted": {fmt.Errorf("a: %w", context.Canceled), fault.Interrupted, false},
		"401":         {api(http.StatusUnauthorized), fault.SignIn, true},
		"403":         {api(http.StatusForbidden), fault.SignIn, true},
		"limit":       {&client.Error{Problem: client.Problem{Status: http.StatusForbidden, Code: "limit_reached"}}, fault.Refused, true},
		"404":         {api(http.StatusNotFound), fault.Missing, true},
		"409":         {api(http.StatusConflict), fault.Refused, false},
		"412":         {api(http.StatusPreconditionFailed), fault.Refused, true},
		"422":         {api(http.StatusUnprocessableEntity), fault.Invalid, false},
		"429":         {api(http.StatusTooManyRequests), fault.Unavailable, true},
		"503":         {api(http.StatusServiceUnavailable), fault.Unavailable, true},
		"500":         {api(http.StatusInternalServerError), fault.Failed, true},
	} {
		got, next := fault.Of(c.err)
		if got != c.want || (next != "") != c.next {
			t.Errorf("%s: code %d, next %q; want %d, next %v", name, got, next, c.want, c.next)
		}
	}
}

func TestEveryCodeHasAMeaning(t *testing.T) {
	t.Parallel()
	said := map[fault.Code]bool{}
	for _, m := range fault.Meanings {
		if said[m.Code] || m.Text == "" {
			t.Errorf("code %d stands twice or without a text", m.Code)
		}
		said[m.Code] = true
	}
	for c := fault.OK; c <= fault.Unavailable; c++ {
		if !said[c] {
			t.Errorf("code %d has no meaning", c)
		}
	}
}
