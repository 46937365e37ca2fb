package fault

import (
	"context"
	"errors"
	"net/http"

	"github.com/tollgate/tollgate/portal/client"
	"github.com/tollgate/tollgate/portal/client/document"
)

// Code is an exit code. The list is part of the command line's contract: the
// documentation has it, and a code never changes its meaning.
type Code int

// The exit codes.
const (
	OK          Code = iota
	Failed           // whatever has no code of its own
	Usage            // called wrongly: an unknown command or flag, a missing argument
	Differs          // diff --exit-code: there are differences
	Missing          // no such object
	Refused          // a conflict: it exists, is in use, changed meanwhile, is somebody else's, or a limit is reached
	SignIn           // no token, a token that is not good, or one that may not do this
	Invalid          // what was sent is not right; the fields are named
	Unavailable      // the portal can't be reached or is busy, or edges do not have it in time: try again
)

// Interrupted is the exit code after Ctrl-C, as shells have it.
const Interrupted Code = 130

// Meanings are what the documentation says of each code.
var Meanings = []struct {
	Code Code
	Text string
}{
	{OK, "done"},
	{Failed, "failed in a way that has no code of its own"},
	{Usage, "called wrongly: an unknown command or flag, a missing argument"},
	{Differs, "`diff --exit-code` found differences"},
	{Missing, "there is no such object"},
	{Refused, "a conflict: it exists already, is in use, was changed meanwhile, belongs to another owner, was not confirmed, or a limit of the subscription is reached"},
	{SignIn, "no token, a token that is not good any more, or one that may not do this"},
	{Invalid, "what was sent or what a file says is not right; every bad field is named"},
	{Unavailable, "the portal can't be reached or is busy, or a version is not live in time: trying again may help"},
	{Interrupted, "ended by Ctrl-C"},
}

// Error is a failure with what to do about it.
type Error struct {
	Code Code
	Err  error
	Next string // what to do next, a sentence; empty: the error says it
}

// Error is the failure without what to do next.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New makes a failure.
func New(code Code, next, text string) error {
	return &Error{Code: code, Err: errors.New(text), Next: next}
}

// Wrap gives an error a code and what to do next; nil stays nil.
func Wrap(code Code, next string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Code: code, Err: err, Next: next}
}

// Mistake marks err as a mistake of who called the program.
func Mistake(err error) error { return Wrap(Usage, "", err) }

// Of finds an error's code and what to do next.
func Of(err error) (Code, string) {
	var own *Error
	var api *client.Error
	var file *document.Error
	switch {
	case err == nil:
		return OK, ""
	case errors.As(err, &own):
		return own.Code, own.Next
	case errors.As(err, &file):
		return Invalid, ""
	case errors.Is(err, context.Canceled):
		return Interrupted, ""
	case errors.As(err, &api):
		return ofStatus(api.Status, api.Problem.Code)
	}
	return Failed, ""
}

func ofStatus(status int, code string) (Code, string) {
	switch {
	case status == http.StatusUnauthorized:
		return SignIn, "sign in with `tollgate login`, or set TOLLGATE_API_TOKEN"
	case status == http.StatusForbidden && code == "limit_reached":
		return Refused, "delete what is not used any more, or choose a larger plan on the portal's page Billing"
	case status == http.StatusForbidden && code == "organization_suspended":
		return Refused, "see the portal's page Billing, or ask the operator of this Tollgate"
	case status == http.StatusForbidden:
		return SignIn, "use a token whose scopes and whose maker's role allow it: `tollgate login`"
	case status == http.StatusNotFound:
		return Missing, "check the name, and that the profile is the right one: `tollgate profiles`"
	case status == http.StatusPreconditionFailed:
		return Refused, "somebody changed it meanwhile: look at it again, then repeat the command"
	case status == http.StatusConflict:
		return Refused, ""
	case status == http.StatusBadRequest, status == http.StatusUnprocessableEntity, status == http.StatusRequestEntityTooLarge:
		return Invalid, ""
	case status == http.StatusTooManyRequests, status >= http.StatusBadGateway && status <= http.StatusGatewayTimeout:
		return Unavailable, "try again in a moment"
	case status >= http.StatusInternalServerError && code != "":
		return Failed, "tell the operator of this Tollgate the request's id"
	}
	return Failed, ""
}
