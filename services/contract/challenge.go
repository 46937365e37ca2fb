package contract

// Types of ACME challenges that edges answer.
const (
	ChallengeHTTP = "http-01"     // RFC 8555 8.3
	ChallengeALPN = "tls-alpn-01" // RFC 8737
)

// ChallengePath is what the path of an HTTP-01 challenge begins with; its token
// follows.
const ChallengePath = "/.well-known/acme-challenge/"

// Challenge is what an edge answers an ACME authority that asks whether a host
// leads to us. It crosses Redis encrypted (MessageChallenge), for as long as the
// order lasts.
type Challenge struct {
	Host    string `json:"host"`
	Type    string `json:"type"`
	Token   string `json:"token"`
	KeyAuth string `json:"key_auth"` // token and the account key's thumbprint
}

// RedisKey is the name under which edges look for the challenge.
func (c *Challenge) RedisKey() string {
	if c.Type == ChallengeALPN {
		return RedisChallenge(c.Host, "")
	}
	return RedisChallenge(c.Host, c.Token)
}

// RedisChallenge is the key of a host's HTTP-01 challenge by token, or with "" of
// its TLS-ALPN-01 challenge.
func RedisChallenge(host, token string) string { return "tg:acme:" + host + ":" + token }
