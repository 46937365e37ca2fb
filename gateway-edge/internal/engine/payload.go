package engine

import (
	"errors"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// payload is a request's body as it is sent.
type payload struct {
	parts  [][]byte // all of it, when memory is set
	memory bool     // it can be sent again
	length int64    // -1: not known
	one    [1][]byte
}

// prepare decides how the request's body is sent. False: Reply says why not.
func (j *job) prepare() bool {
	p := &j.payload
	*p = payload{length: j.e.Req.Length}
	switch {
	case j.e.ReqBody != nil:
		p.parts, p.length, p.memory = j.e.ReqBody.Chunks(), j.e.ReqBody.Size(), true
	case j.body.done && j.e.Req.Length == 0:
		p.length, p.memory = 0, true
	default:
		if b, ok, err := j.cl.ahead(j); err != nil {
			j.bodyFault(err)
			return false
		} else if ok {
			p.one[0], p.length, p.memory = b, int64(len(b)), true
			p.parts = p.one[:]
		}
	}
	on, same := j.e.Filtered(policy.OnTheRequest)
	if !on {
		return true
	}
	if !p.memory {
		if !same {
			p.length = -1
		}
		return true
	}
	return j.filterRequest()
}

// filterRequest sends a body that is in memory through the request's filters.
func (j *job) filterRequest() bool {
	p := &j.payload
	var out []byte
	for i, b := range p.parts {
		q, err := j.e.Push(j.x, policy.OnTheRequest, b, i == len(p.parts)-1, maxFiltered)
		if err != nil {
			j.filterFault(err)
			return false
		}
		out = append(out, q...)
	}
	if len(p.parts) == 0 {
		q, err := j.e.Push(j.x, policy.OnTheRequest, nil, true, maxFiltered)
		if err != nil {
			j.filterFault(err)
			return false
		}
		out = append(out, q...)
	}
	p.one[0], p.length = out, int64(len(out))
	p.parts = p.one[:]
	return true
}

func (j *job) filterFault(err error) {
	j.panicked()
	if errors.Is(err, policy.ErrBodyBudget) {
		j.refuse(contract.CodeBodyTooLarge, "")
		return
	}
	j.refuse(contract.CodeRequestInvalid, "the request's body is not acceptable")
}
