package bot

import (
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// guard is immutable.
type guard struct {
	allow, deny table
	named       bool
	headers     []required
}

type required struct {
	name policy.Name
	why  string
}

// table finds words in a text by their first character.
type table [256][]entry

type entry struct{ word, why string }

func (t *table) add(word, why string) { t[word[0]] = append(t[word[0]], entry{word, why}) }

// find returns why the first word was put in that stands in the text.
func (t *table) find(text policy.Text) (why string, ok bool) {
	n := text.Len()
	for i := range n {
		for _, e := range t[lower(text.At(i))] {
			if n-i >= len(e.word) && text.Slice(i, i+len(e.word)).Fold(e.word) {
				return e.why, true
			}
		}
	}
	return "", false
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// OnRequest refuses clients that say that they are none to be served. Two fields
// User-Agent are refused: nobody knows which one counts.
func (p *guard) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	h := x.Request().Header
	agents := 0
	var agent policy.Text
	for v := range h.All(policy.UserAgent) {
		agent, agents = v.Trim(), agents+1
	}
	if agents > 1 {
		return p.refuse(x, "there is more than one User-Agent")
	}
	if _, ok := p.allow.find(agent); ok {
		return x.Next()
	}
	if p.named && agent.Empty() {
		return p.refuse(x, "there is no User-Agent")
	}
	if why, ok := p.deny.find(agent); ok {
		return p.refuse(x, why)
	}
	for _, r := range p.headers {
		if !h.Has(r.name) {
			return p.refuse(x, r.why)
		}
	}
	return x.Next()
}

func (p *guard) refuse(x *policy.Exchange, why string) policy.Action {
	x.Note(why)
	return x.Reject(contract.CodeBotRefused, 0)
}
