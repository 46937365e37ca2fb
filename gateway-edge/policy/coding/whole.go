package coding

import (
	"errors"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/document"
	"github.com/tollgate/tollgate/services/contract"
)

// Whole is a body that was collected, without its coding. limit bounds it, in bytes.
// Its error is one of Decode's. It is not to be changed.
func Whole(h policy.Headers, b policy.Body, limit int64) ([]byte, error) {
	if Of(h) == Plain {
		if b.Len() > limit {
			return nil, ErrTooLarge
		}
		return document.Whole(b), nil
	}
	out := make([]byte, 0, b.Len())
	err := Decode(Of(h), b.Chunks(), limit, func(p []byte) bool {
		out = append(out, p...)
		return true
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Readable reports whether a message's body has no coding, or one that Decode undoes.
func Readable(h policy.Headers) bool { return Of(h) != Unknown }

// Refusal is how a request is refused whose body can't be decoded.
func Refusal(err error) (code contract.Code, detail string) {
	switch {
	case errors.Is(err, ErrTooLarge):
		return contract.CodeBodyTooLarge, "The decoded body is larger than allowed"
	case errors.Is(err, ErrUnknown):
		return contract.CodeMediaType, "A body's Content-Encoding is one of gzip, br, zstd and deflate here, or none"
	}
	return contract.CodeRequestInvalid, "The body is not what its Content-Encoding says"
}
