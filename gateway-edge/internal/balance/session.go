package balance

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// sessions finds the target that a caller stays with.
//
// A cookie's value is a MAC over the organization, the upstream and the target,
// made with a key that all edges of an installation share: nobody else can make
// one, it tells nothing of the target, and every edge and version knows it again.
// Sessions by header and by address need no state: they are a consistent hash
// without a bound on the load.
type sessions struct {
	cookie string // its name; empty: by header or address
	tail   string // what follows the cookie's value
	header policy.Name
	by     string
}

// sessionToken is a MAC's length in a cookie, in bytes before base64.
const sessionToken = 16

func newSessions(doc *contract.Sessions) (*sessions, error) {
	if doc == nil {
		return nil, nil
	}
	s := &sessions{by: doc.By}
	switch doc.By {
	case "header":
		var err error
		if s.header, err = policy.HeaderName(doc.Header); err != nil {
			return nil, err
		}
	case "cookie":
		c := doc.Cookie
		if c == nil {
			c = &contract.SessionCookie{}
		}
		if s.cookie = c.Name; s.cookie == "" {
			s.cookie = "tollgate_session"
		}
		s.tail = cookieTail(c)
	}
	return s, nil
}

// token is the value of the cookie that names a target.
func (r *Registry) token(key Key, url string) string {
	mac := hmac.New(sha256.New, r.cfg.SessionKey)
	var ids [16]byte
	binary.BigEndian.PutUint64(ids[:8], key.Organization)
	binary.BigEndian.PutUint64(ids[8:], key.Upstream)
	_, _ = mac.Write(append([]byte("session v1"), ids[:]...))
	_, _ = mac.Write([]byte(url))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:sessionToken])
}

// cookieTail is what follows a Set-Cookie field's value.
func cookieTail(c *contract.SessionCookie) string {
	var b strings.Builder
	path := c.Path
	if path == "" {
		path = "/"
	}
	b.WriteString("; Path=" + path)
	if c.Domain != "" {
		b.WriteString("; Domain=" + strings.TrimPrefix(c.Domain, "."))
	}
	if c.MaxAge > 0 {
		b.WriteString("; Max-Age=" + strconv.FormatInt(int64(c.MaxAge.Std().Seconds()), 10))
	}
	if !c.Insecure {
		b.WriteString("; Secure")
	}
	if !c.Readable {
		b.WriteString("; HttpOnly")
	}
	switch c.SameSite {
	case "strict":
		b.WriteString("; SameSite=Strict")
	case "none":
		b.WriteString("; SameSite=None")
	default:
		b.WriteString("; SameSite=Lax")
	}
	return b.String()
}

// find notes the request's session in c; tokens are those of the targets.
func (s *sessions) find(c *Call, r *policy.Request, client netip.Addr, tokens map[string]*Target) {
	switch s.by {
	case "ip":
		b := client.Unmap().As16()
		c.Hash, c.sticky = HashString(b[:]), true
	case "header":
		if v, ok := r.Header.Get(s.header); ok && !v.Empty() {
			c.Hash, c.sticky = HashString(policy.EngineString(v)), true
		}
	default:
		for field := range r.Header.All(policy.Cookie) {
			if v := pair(field, ';', s.cookie); !v.Empty() {
				if t := tokens[policy.EngineString(v)]; t != nil {
					c.session = t
					return
				}
			}
		}
	}
}
