package engine

import (
	"strconv"
	"unicode/utf8"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// problem makes the edge's own error of a code: problem+json (RFC 9457), or the
// status that a gRPC client understands. It is the only place that does. The body
// is valid until the next problem of this job.
func (j *job) problem(r *policy.EngineReply) []byte {
	e, info, detail := j.e, r.Code.Info(), r.Detail
	e.Resp.Header.Set(policy.TollgateError, info.Name)
	if kind := j.grpc(); kind != "" {
		e.Resp.Status = 200
		e.Resp.Header.Set(policy.ContentType, kind)
		var b [4]byte
		e.Resp.Header.SetBytes(policy.GRPCStatus, strconv.AppendInt(b[:0], int64(info.GRPC), 10))
		j.misc = appendGRPCMessage(j.misc[:0], info, detail)
		e.Resp.Header.SetBytes(policy.GRPCMessage, j.misc)
		return nil
	}
	e.Resp.Status = info.Status
	e.Resp.Header.Set(policy.ContentType, "application/problem+json")
	if !e.Resp.Header.Has(policy.CacheControl) {
		e.Resp.Header.Set(policy.CacheControl, "no-store")
	}
	b := append(j.misc[:0], `{"type":"urn:tollgate:error:`...)
	b = append(b, info.Name...)
	b = append(b, `","title":`...)
	b = appendJSON(b, info.Title)
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(info.Status), 10)
	if detail != "" {
		b = append(b, `,"detail":`...)
		b = appendJSON(b, detail)
	}
	b = append(b, `,"code":"`...)
	b = append(b, info.Name...)
	b = append(b, `","request_id":`...)
	b = appendJSON(b, policy.EngineString(j.idText))
	b = appendFields(b, r.Fields)
	j.misc = append(b, "}\n"...)
	return j.misc
}

// appendFields appends the bad fields as RFC 9457 3.2's example does.
func appendFields(b []byte, fields contract.FieldErrors) []byte {
	for i := range fields {
		if i == 0 {
			b = append(b, `,"errors":[`...)
		} else {
			b = append(b, ',')
		}
		b = append(b, `{"pointer":`...)
		b = appendJSON(b, fields[i].Pointer)
		b = append(b, `,"detail":`...)
		b = appendJSON(b, fields[i].Detail)
		b = append(b, '}')
	}
	if len(fields) > 0 {
		b = append(b, ']')
	}
	return b
}

// grpc returns the content type of an error for a caller that speaks gRPC or
// gRPC-Web, "" for every other. Both take a status that stands in the head.
func (j *job) grpc() string {
	ct, ok := j.e.CameType()
	if !ok {
		return ""
	}
	for _, kind := range [...]string{"application/grpc", "application/grpc-web", "application/grpc-web-text"} {
		if ct.HasPrefixFold(kind) && (ct.Len() == len(kind) || ct.At(len(kind)) == '+' || ct.At(len(kind)) == ';') {
			return kind
		}
	}
	return ""
}

// appendGRPCMessage appends the title and detail, percent-encoded as grpc-message
// wants it.
func appendGRPCMessage(b []byte, info contract.CodeInfo, detail string) []byte {
	b = append(b, info.Name...)
	b = append(b, ": "...)
	b = policy.EngineAppendPercent(b, info.Title)
	if detail != "" {
		b = append(b, ": "...)
		b = policy.EngineAppendPercent(b, detail)
	}
	return b
}

// appendJSON appends s as a JSON string.
func appendJSON(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n <= 1 {
				b = append(b, `\ufffd`...)
			} else {
				b = append(b, s[i:i+n]...)
			}
			i += max(n, 1)
			continue
		}
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ' || c == 0x7f || c == '<' || c == '>' || c == '&':
			b = append(b, `\u00`...)
			b = append(b, hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
		i++
	}
	return append(b, '"')
}
