package grpcwire

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// Code is a status of google.rpc.Code.
type Code int

// Codes that are used by name.
const (
	OK                Code = 0
	Unknown           Code = 2
	InvalidArgument   Code = 3
	ResourceExhausted Code = 8
	Internal          Code = 13
	Unavailable       Code = 14
)

type codeInfo struct {
	name string // of google/rpc/code.proto
	http int    // as google/rpc/code.proto maps it; Connect maps alike
}

var codes = [...]codeInfo{
	{"OK", 200},
	{"CANCELLED", 499},
	{"UNKNOWN", 500},
	{"INVALID_ARGUMENT", 400},
	{"DEADLINE_EXCEEDED", 504},
	{"NOT_FOUND", 404},
	{"ALREADY_EXISTS", 409},
	{"PERMISSION_DENIED", 403},
	{"RESOURCE_EXHAUSTED", 429},
	{"FAILED_PRECONDITION", 400},
	{"ABORTED", 409},
	{"OUT_OF_RANGE", 400},
	{"UNIMPLEMENTED", 501},
	{"INTERNAL", 500},
	{"UNAVAILABLE", 503},
	{"DATA_LOSS", 500},
	{"UNAUTHENTICATED", 401},
}

// known is c, or Unknown for a number that the table does not have.
func (c Code) known() Code {
	if c < 0 || int(c) >= len(codes) {
		return Unknown
	}
	return c
}

// HTTP is the code's HTTP status.
func (c Code) HTTP() int { return codes[c.known()].http }

// Name is the code's name in google/rpc/code.proto.
func (c Code) Name() string { return codes[c.known()].name }

// Connect is the code's name in the Connect protocol.
func (c Code) Connect() string {
	if c.known() == 1 {
		return "canceled"
	}
	return strings.ToLower(c.Name())
}

// Names of the fields that carry a status, for heads and trailers.
var (
	Timeout        = policy.FixedName("Grpc-Timeout")
	Encoding       = policy.FixedName("Grpc-Encoding")
	AcceptEncoding = policy.FixedName("Grpc-Accept-Encoding")
	Details        = policy.FixedName("Grpc-Status-Details-Bin")
)

// Status is how a call ended.
type Status struct {
	Code    Code
	Message string
	Details []byte // a google.rpc.Status; nil: none
}

// Take reads the status of a call from a head or from trailers and removes its
// fields. ok is false where there is none.
func Take(h policy.Headers) (s Status, ok bool) {
	t, ok := h.Get(policy.GRPCStatus)
	if !ok {
		return Status{}, false
	}
	s.Code = Unknown
	if n, numeric := t.Int(); numeric && n <= 1000 {
		s.Code = Code(n)
	}
	if m, there := h.Get(policy.GRPCMessage); there {
		s.Message = unescape(m.Clone())
	}
	if d, there := h.Get(Details); there {
		s.Details, _ = DecodeBinary(d.Clone())
	}
	h.Del(policy.GRPCStatus)
	h.Del(policy.GRPCMessage)
	h.Del(Details)
	return s, true
}

// Missing is the status of a call whose backend gave none.
var Missing = Status{Code: Internal, Message: "the backend ended the call without a status"}

// DecodeBinary decodes the value of a field whose name ends in "-bin": base64 with
// or without padding.
func DecodeBinary(v string) ([]byte, error) {
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(v, "="))
}

// unescape undoes the percent-encoding of grpc-message; what is malformed stays.
func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return strings.ToValidUTF8(b.String(), "\uFFFD")
}

// IsCall reports whether a content type is gRPC's own: "application/grpc", with a
// message format or parameters behind it, and not gRPC-Web's.
func IsCall(ct policy.Text) bool { return isType(ct, "application/grpc") }

func isType(ct policy.Text, kind string) bool {
	if !ct.HasPrefixFold(kind) {
		return false
	}
	if ct.Len() == len(kind) {
		return true
	}
	c := ct.At(len(kind))
	return c == '+' || c == ';' || c == ' '
}
