package tenant

import (
	"context"
	"fmt"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// operatorKeys reads the operators' addresses.
func operatorKeys(addresses []string) (map[string]bool, error) {
	keys := make(map[string]bool, len(addresses))
	for _, a := range addresses {
		var errs contract.FieldErrors
		if checkEmail("", a, &errs); len(errs) > 0 {
			return nil, fmt.Errorf("TOLLGATE_OPERATORS names %q, which is no e-mail address such as ada@example.com", a)
		}
		keys[EmailKey(a)] = true
	}
	return keys, nil
}

// IsOperator says whether a user may become an operator by a second factor: the
// address is an operator's, in upper or lower case, and it was proved.
func (s *Service) IsOperator(u *User) bool { return u.Verified() && s.operators[EmailKey(u.Email)] }

// mayClaim refuses a new account for an operator's address that nothing will
// prove: without mail whoever comes first would be the operator. The very first
// account may have it.
func (s *Service) mayClaim(ctx context.Context, tx Tx, email string) error {
	if s.verifyMail || !s.operators[EmailKey(email)] {
		return nil
	}
	there, err := tx.AnyUser(ctx)
	if err != nil || !there {
		return err
	}
	return core.Errorf(core.CodeForbidden, "the address is an operator's of this Tollgate, which sends no mail to prove it: an operator's account is the first that is made, or is invited")
}

// mayProve refuses to prove an operator's address by a mailed link in a browser
// that is not signed in to the account: somebody else may have made the account,
// and its owner would hand it the console by following the link.
func (s *Service) mayProve(email, userID, signedIn string) error {
	if !s.operators[EmailKey(email)] || userID == signedIn {
		return nil
	}
	return core.Errorf(core.CodeForbidden, "the address is an operator's: sign in to the account in this browser first, then follow the link again; if you do not know its password, ask for a new one")
}
