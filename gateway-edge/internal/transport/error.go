package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"syscall"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/contract"
)

// Error is why there is no connection. Err is for logs; it may name addresses
// and is never shown to callers.
type Error struct {
	Code contract.Code
	Err  error
}

func (e *Error) Error() string { return e.Code.String() + ": " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Result is what the failure says about the target: nothing when the edge itself
// was short of connections or the caller gave up.
func (e *Error) Result() balance.Result {
	if e.Code == contract.CodeOverloaded || errors.Is(e.Err, context.Canceled) {
		return balance.ResultNone
	}
	return balance.ResultConnect
}

// CodeOf maps an error of a connection, or of one that could not be made, to what
// the client gets. An error it does not know is upstream_reset; nil is internal.
func CodeOf(err error) contract.Code {
	var e *Error
	var dns *net.DNSError
	var timeout interface{ Timeout() bool }
	switch {
	case err == nil:
		return contract.CodeInternal
	case errors.As(err, &e):
		return e.Code
	case match.IsForbidden(err):
		return contract.CodeUpstreamForbiddenAddress
	case errors.As(err, &dns):
		return contract.CodeUpstreamDNS
	case isTLS(err):
		return contract.CodeUpstreamTLS
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return contract.CodeUpstreamTimeout
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.EADDRNOTAVAIL):
		return contract.CodeOverloaded
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return contract.CodeUpstreamUnavailable
	}
	return contract.CodeUpstreamReset
}

// isTLS reports whether verification or the handshake failed, as against the
// connection under it.
func isTLS(err error) bool {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verify *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	return errors.As(err, &unknown) || errors.As(err, &host) || errors.As(err, &invalid) || errors.As(err, &verify) || errors.As(err, &record) || errors.As(err, &alert)
}

// dialError makes an *Error of a failed dial. What broke before there was a
// connection is "unavailable", not "reset".
func dialError(err error) *Error {
	code := CodeOf(err)
	if code == contract.CodeUpstreamReset {
		code = contract.CodeUpstreamUnavailable
	}
	return &Error{code, err}
}

// handshakeError makes an *Error of a failed TLS handshake: whatever is not a
// timeout is the backend's TLS.
func handshakeError(err error) *Error {
	code := CodeOf(err)
	if code != contract.CodeUpstreamTimeout {
		code = contract.CodeUpstreamTLS
	}
	return &Error{code, err}
}
