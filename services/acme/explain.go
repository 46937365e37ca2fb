package acme

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	acmeclient "github.com/mholt/acmez/v3/acme"
)

// explain says what went wrong with an order and what to do about it.
func explain(host string, err error, now time.Time) Result {
	var p acmeclient.Problem
	if !errors.As(err, &p) {
		if errors.Is(err, context.DeadlineExceeded) {
			return Result{Problem: "the certificate authority did not answer in time; it is tried again by itself"}
		}
		return Result{Problem: "the certificate authority can't be reached at the moment; it is tried again by itself"}
	}
	detail := strings.TrimSpace(p.Detail)
	for _, s := range p.Subproblems {
		detail += "; " + s.Detail
	}
	if len(detail) > 400 {
		detail = detail[:400] + "…"
	}
	r := Result{}
	switch p.Type {
	case acmeclient.ProblemTypeDNS:
		r.Problem = fmt.Sprintf("the certificate authority found no address for %s: set a CNAME (or A and AAAA) record that leads to the gateway's own host", host)
	case acmeclient.ProblemTypeConnection, acmeclient.ProblemTypeTLS:
		r.Problem = fmt.Sprintf("the certificate authority could not reach the edges at %s: let its A, AAAA or CNAME record lead to the gateway's own host, and keep ports 80 and 443 open", host)
	case acmeclient.ProblemTypeUnauthorized, acmeclient.ProblemTypeIncorrectResponse:
		r.Problem = fmt.Sprintf("something else than the edges answers for %s: let all its A, AAAA and CNAME records lead to the gateway's own host alone", host)
	case acmeclient.ProblemTypeCAA:
		r.Problem = fmt.Sprintf("a CAA record of %s does not allow this authority: add it to the record, or remove the record", host)
	case acmeclient.ProblemTypeRateLimited:
		r.Problem = "the certificate authority has issued or refused too many certificates for this name lately; it is tried again by itself"
		r.NotBefore = now.Add(rateLimitPause)
	case acmeclient.ProblemTypeRejectedIdentifier:
		r.Problem = fmt.Sprintf("the certificate authority issues nothing for %s: upload a certificate of another one", host)
	default:
		r.Problem = "the certificate authority refused the order"
	}
	if detail != "" {
		r.Problem += " (it says: " + detail + ")"
	}
	return r
}
