package tenant

import (
	"encoding/json"
	"fmt"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Letter seals a mail as the queue keeps it, for a domain that adds it to the
// queue in a transaction of its own.
func (s *Service) Letter(m Mail) (QueuedMail, error) {
	q := QueuedMail{ID: core.NewID("mail"), NextAt: s.clock(), CreatedAt: s.clock()}
	js, err := json.Marshal(letter{Mail: m})
	if err != nil {
		return q, fmt.Errorf("encode mail: %w", err)
	}
	if q.Sealed, err = contract.Seal(s.mailKey, q.ID, js); err != nil {
		return q, fmt.Errorf("seal mail: %w", err)
	}
	return q, nil
}
