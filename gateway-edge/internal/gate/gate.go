package gate

import (
	"strconv"

	"github.com/tollgate/tollgate/services/contract"
)

// Limits of a message, in bytes where not said otherwise.
const (
	MaxHead           = 64 << 10
	MaxFields         = 100 // of a request
	MaxResponseFields = 200
	MaxTarget         = 8 << 10
	MaxTrailers       = 16 << 10
	MaxHops           = 4 // times a request may have passed through us before
	MaxRanges         = 16
	maxMethod         = 32
)

// Fault is why a message is refused.
type Fault struct {
	Code   contract.Code
	At     int // offset in the head, or in the present piece of a body; -1: not one place
	Detail string
}

func (f *Fault) Error() string {
	if f.At < 0 {
		return f.Detail
	}
	return "byte " + strconv.Itoa(f.At) + ": " + f.Detail
}

func fault(code contract.Code, at int, detail string) *Fault {
	return &Fault{Code: code, At: at, Detail: detail}
}

func invalid(at int, detail string) *Fault { return fault(contract.CodeRequestInvalid, at, detail) }
