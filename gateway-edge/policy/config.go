package policy

import (
	"encoding/json"

	"github.com/tollgate/tollgate/services/contract"
)

// DecodeConfig reads a policy's configuration into c, a pointer to a struct that
// holds the defaults, and runs check on it. No configuration at all means {}.
// The error is a contract.FieldErrors with every bad field: what could not be
// read, and what check adds about the others.
func DecodeConfig(raw json.RawMessage, c any, check func(errs *contract.FieldErrors)) error {
	var errs, found contract.FieldErrors
	if len(raw) > 0 {
		errs.AddAt("", contract.DecodeStrict(raw, c))
	}
	check(&found)
	errs.AddNew(found)
	return errs.Err()
}
