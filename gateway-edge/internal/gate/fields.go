package gate

import (
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// nextToken cuts the first element off a comma-separated list.
func nextToken(list string) (token, rest string) {
	i := 0
	for i < len(list) && list[i] != ',' {
		i++
	}
	token = list[:i]
	if i < len(list) {
		rest = list[i+1:]
	}
	for token != "" && (token[0] == ' ' || token[0] == '\t') {
		token = token[1:]
	}
	for token != "" && (token[len(token)-1] == ' ' || token[len(token)-1] == '\t') {
		token = token[:len(token)-1]
	}
	return token, rest
}

func hasToken(list, want string) bool {
	for list != "" {
		var t string
		if t, list = nextToken(list); policy.Static(t).Fold(want) {
			return true
		}
	}
	return false
}

// connection reads a request's Connection field (RFC 9110 7.6.1). A field that
// frames the message, names its host, carries a credential or that the gate
// otherwise looks at can't be declared to concern only the connection.
func (h *Head) connection(value string) *Fault {
	for value != "" {
		var t string
		t, value = nextToken(value)
		switch {
		case t == "":
		case policy.Static(t).Fold("close"):
			h.Close = true
		case policy.Static(t).Fold("upgrade"):
			h.upgrade = true
		case policy.Static(t).Fold("keep-alive"), policy.Static(t).Fold("te"),
			policy.Static(t).Fold("http2-settings"), policy.Static(t).Fold("proxy-connection"), policy.Static(t).Fold("trailer"):
		default:
			if f := nameable(t); f != nil {
				return f
			}
			h.named = true
		}
	}
	return nil
}

func nameable(t string) *Fault {
	for i := 0; i < len(t); i++ {
		if c := nameClass[t[i]]; c != namePlain && c != nameOdd {
			return invalid(-1, "Connection holds what is no field's name")
		}
	}
	id := policy.EngineClassify(bytesOf(t))
	if id == policy.EngineNameID(policy.Cookie) || ours(t) ||
		id != 0 && requestRoles[id] != rolePass && requestRoles[id] != roleDrop && requestRoles[id] != roleForwarded {
		return invalid(-1, "Connection names a field that is not the connection's")
	}
	return nil
}

// removeNamed removes the fields that Connection named.
func (h *Head) removeNamed() {
	for v := range h.e.Req.Header.All(policy.Connection) {
		list := policy.EngineString(v)
		for list != "" {
			var t string
			t, list = nextToken(list)
			fields := h.e.ReqHeader.Fields()
			for i := range fields {
				if f := &fields[i]; !f.Dead && policy.Static(f.Name).Fold(t) && !policy.Static(t).Fold("connection") {
					h.e.ReqHeader.Kill(i)
				}
			}
		}
	}
}

// setUpgrade notes that a WebSocket is asked for and refuses protocols that the
// edge does not speak. An offer of HTTP/2 or TLS may be ignored by a server
// (RFC 9110 7.8), and is; a client that asks for anything else could not go on
// without it.
func (h *Head) setUpgrade(value string) *Fault {
	for value != "" {
		var t string
		t, value = nextToken(value)
		switch {
		case policy.Static(t).Fold("websocket"):
			h.asked = true
		case t == "" || policy.Static(t).Fold("h2c") || policy.Static(t).HasPrefixFold("TLS/") || policy.Static(t).HasPrefixFold("HTTP/2"):
		default:
			return fault(contract.CodeUpgradeRefused, -1, "this protocol is not spoken here")
		}
	}
	return nil
}

// finishUpgrade holds an Upgrade to websocket to RFC 6455, 4.1, as far as it is
// HTTP. HTTP/1.0 has no upgrades (RFC 9110 7.8).
func (h *Head) finishUpgrade() *Fault {
	switch {
	case h.Minor == 0:
		return nil
	case !h.upgrade:
		return fault(contract.CodeUpgradeRefused, -1, "Upgrade without \"Connection: Upgrade\"")
	case !h.e.Req.Method.Is("GET"):
		return fault(contract.CodeUpgradeRefused, -1, "a WebSocket begins with GET")
	case h.e.Req.Length != 0:
		return fault(contract.CodeUpgradeRefused, -1, "a WebSocket's handshake has no body")
	}
	h.WebSocket = true
	return nil
}

// trailerNames reports whether every name in a Trailer field is one that passes.
func trailerNames(value string) bool {
	for value != "" {
		var t string
		if t, value = nextToken(value); t != "" && !trailerAllowed(t) {
			return false
		}
	}
	return true
}

// Pseudonym is how the edge calls itself in Via.
const Pseudonym = "tollgate"

// hops counts the edge's pseudonym in a Via field. "1.1 tollgate" is how the
// edge writes itself; comments do not count.
func hops(value string) (n int) {
	for value != "" {
		var t string
		t, value = nextToken(value)
		_, by, ok := policy.Static(t).Cut(' ')
		if by = by.Trim(); ok && by.HasPrefixFold(Pseudonym) && (by.Len() == len(Pseudonym) || by.At(len(Pseudonym)) == ' ') {
			n++
		}
	}
	return n
}

// validRequestID reports whether s is [A-Za-z0-9_-]{8,64}.
func validRequestID(s string) bool {
	if len(s) < 8 || len(s) > 64 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if nameClass[s[i]] != namePlain && s[i] != '_' {
			return false
		}
	}
	return true
}

func ranges(value string) int {
	n := 1
	for i := 0; i < len(value); i++ {
		if value[i] == ',' {
			n++
		}
	}
	return n
}
