package core

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// Code is a stable name for a reason why the control plane refuses. Its HTTP
// status and title belong to it and to nothing else.
type Code uint8

// Every code of the management API.
const (
	CodeInternal Code = iota // zero: a forgotten branch fails closed
	CodeBadRequest
	CodeUnauthenticated
	CodeForbidden
	CodeNotFound
	CodeConflict
	CodeNameTaken
	CodeEmailTaken
	CodeInUse
	CodeManagedElsewhere
	CodePreconditionFailed
	CodeInvalid
	CodeLimitReached
	CodeTooLarge
	CodeThrottled
	CodeStoreUnavailable
	CodeUnavailable
	CodeGone
	// Of the device sign-in (RFC 8628 section 3.5), by the names and status there.
	CodeDevicePending
	CodeDeviceSlow
	CodeDeviceDenied
	CodeDeviceExpired
	// Of billing.
	CodePaymentNotSetUp
	CodeCheckoutRequired
	CodePaymentRefused
	CodeOrganizationSuspended
	CodeFactorRequired
	numCodes
)

// CodeInfo is what a code means on the wire.
type CodeInfo struct {
	Name   string // snake_case, stable; the end of the problem's type
	Status int
	Title  string
}

var codes = [numCodes]CodeInfo{
	CodeInternal:              {"internal", http.StatusInternalServerError, "The request failed on our side"},
	CodeBadRequest:            {"bad_request", http.StatusBadRequest, "The request can't be parsed"},
	CodeUnauthenticated:       {"unauthenticated", http.StatusUnauthorized, "Sign in, or send a management token"},
	CodeForbidden:             {"forbidden", http.StatusForbidden, "The caller may not do this"},
	CodeNotFound:              {"not_found", http.StatusNotFound, "There is no such resource"},
	CodeConflict:              {"conflict", http.StatusConflict, "The change conflicts with the present state"},
	CodeNameTaken:             {"name_taken", http.StatusConflict, "The name is already in use"},
	CodeEmailTaken:            {"email_taken", http.StatusConflict, "The address is already signed up"},
	CodeInUse:                 {"in_use", http.StatusConflict, "The resource is still in use"},
	CodeManagedElsewhere:      {"managed_elsewhere", http.StatusConflict, "The resource is managed by somebody else"},
	CodePreconditionFailed:    {"precondition_failed", http.StatusPreconditionFailed, "The resource was changed in the meantime"},
	CodeInvalid:               {"invalid", http.StatusUnprocessableEntity, "The input is not valid"},
	CodeLimitReached:          {"limit_reached", http.StatusForbidden, "The subscription plan's limit is reached"},
	CodeTooLarge:              {"too_large", http.StatusRequestEntityTooLarge, "The request is larger than allowed"},
	CodeThrottled:             {"throttled", http.StatusTooManyRequests, "Too many requests in a short time"},
	CodeStoreUnavailable:      {"store_unavailable", http.StatusServiceUnavailable, "The database can't be reached at the moment"},
	CodeUnavailable:           {"unavailable", http.StatusServiceUnavailable, "A part that is needed for this can't be reached at the moment"},
	CodeGone:                  {"gone", http.StatusGone, "The resource is no longer there"},
	CodeDevicePending:         {"authorization_pending", http.StatusBadRequest, "Nobody has allowed the sign-in yet"},
	CodeDeviceSlow:            {"slow_down", http.StatusBadRequest, "The sign-in is asked for too often"},
	CodeDeviceDenied:          {"access_denied", http.StatusBadRequest, "The sign-in was denied"},
	CodeDeviceExpired:         {"expired_token", http.StatusBadRequest, "The device code does not work any more"},
	CodePaymentNotSetUp:       {"payment_not_set_up", http.StatusConflict, "There is no payment on this installation"},
	CodeCheckoutRequired:      {"checkout_required", http.StatusConflict, "The plan has to be subscribed to by a checkout"},
	CodePaymentRefused:        {"payment_refused", http.StatusConflict, "The payment was refused"},
	CodeOrganizationSuspended: {"organization_suspended", http.StatusForbidden, "The organization is suspended"},
	CodeFactorRequired:        {"factor_required", http.StatusForbidden, "A second factor is needed for this"},
}

// Info returns what the code means; an unknown code is CodeInternal.
func (c Code) Info() CodeInfo {
	if c >= numCodes {
		c = CodeInternal
	}
	return codes[c]
}

// String returns the code's stable name.
func (c Code) String() string { return c.Info().Name }

// Codes returns every code in order, for documentation and tests.
func Codes() []Code {
	out := make([]Code, numCodes)
	for i := range out {
		out[i] = Code(i)
	}
	return out
}

// Error is the one error type of the control plane. Detail is written for the
// caller and may be shown to anybody who sent the request; Err is for the
// operator's log and never leaves the process.
type Error struct {
	Code       Code
	Detail     string
	Fields     contract.FieldErrors // bad fields, for CodeInvalid
	RetryAfter time.Duration        // for CodeThrottled and the unavailable ones; 0: not known
	Err        error
}

func (e *Error) Error() string {
	s := e.Code.String()
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if len(e.Fields) > 0 {
		s += ": " + e.Fields.Error()
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error whose caller's text is formatted.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Wrap makes an Error of err: detail is for the caller, err for the operator.
func Wrap(code Code, err error, detail string) *Error {
	return &Error{Code: code, Detail: detail, Err: err}
}

// Invalid makes a CodeInvalid error of bad fields, nil when there are none.
// An err that is no contract.FieldErrors stands as one field at the root.
func Invalid(err error) error {
	if err == nil {
		return nil
	}
	var already *Error
	if errors.As(err, &already) {
		return err
	}
	var fields contract.FieldErrors
	fields.AddAt("", err)
	if len(fields) == 0 {
		return nil
	}
	return &Error{Code: CodeInvalid, Detail: fieldSummary(len(fields)), Fields: fields}
}

func fieldSummary(n int) string {
	if n == 1 {
		return "1 field is not valid"
	}
	return fmt.Sprintf("%d fields are not valid", n)
}

// NotFound says that there is no resource of a kind under a name in what the
// caller may see.
func NotFound(kind, name string) *Error {
	return Errorf(CodeNotFound, "there is no %s %.200q", kind, name)
}

// CodeOf returns the code of err, CodeInternal for anything that is no Error.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}
