package basic_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/basic"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

// The users' names are their secrets': the kit's secret holds "secret:NAME".
const plain = `{"users":{"alice":{"secret":"alice"},"bob":{"secret":"bob"}}}`

func field(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func send(v string, w policytest.Want) policytest.Step {
	return policytest.Step{Request: policytest.Request{Header: policytest.Fields{"Authorization", v}}, Want: w}
}

func after(d time.Duration, s policytest.Step) policytest.Step {
	s.Wait = d
	return s
}

func passed(consumer string) policytest.Want {
	return policytest.Want{Forwarded: true, Consumer: &consumer, Sent: map[string]string{"Authorization": ""}}
}

func hashed(testing.TB) policy.Deps {
	argon := func(params string, memory uint32) string {
		salt := []byte("0123456789abcdef")
		b64 := base64.RawStdEncoding.EncodeToString
		return "$argon2id$v=19$" + params + "$" + b64(salt) + "$" + b64(argon2.IDKey([]byte("right"), salt, 1, memory, 1, 32))
	}
	b, err := bcrypt.GenerateFromPassword([]byte("right"), bcrypt.MinCost)
	if err != nil {
		panic(err)
	}
	d := policytest.NewDeps()
	d.Secret = func(name string) ([]byte, error) {
		return map[string][]byte{
			"argon": []byte(argon("m=64,t=1,p=1", 64)), "bcrypt": b, "plain": []byte("right"), "empty": {},
			"huge": []byte(argon("m=1048576,t=1,p=1", 64)), "broken": []byte("$argon2id$v=19$m=64$x$y"), "old": []byte("$argon2i$v=19$m=64,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA"),
		}[name], nil
	}
	return d
}

func TestPolicy(t *testing.T) {
	const users = `{"users":{"argon":{"secret":"argon"},"bcrypt":{"secret":"bcrypt"},"plain":{"secret":"plain"},"empty":{"secret":"empty"},"huge":{"secret":"huge"},"broken":{"secret":"broken"},"old":{"secret":"old"}}}`
	missing := policytest.Want{Rejected: true, Code: contract.CodeCredentialsMissing, Header: map[string]string{"WWW-Authenticate": `Basic realm="api", charset="UTF-8"`}}
	invalid := policytest.Want{Rejected: true, Code: contract.CodeCredentialsInvalid}
	var flood []policytest.Step
	for range 10 {
		flood = append(flood, send(field("alice", "guess"), invalid))
	}
	flood = append(flood, send(field("alice", "secret:alice"), policytest.Want{Rejected: true, Code: contract.CodeRateLimited}),
		after(11*time.Second, send(field("alice", "secret:alice"), passed("alice"))))
	for range 10 {
		flood = append(flood, send(field("alice", "guess"), invalid))
	}
	flood = append(flood, send(field("alice", "secret:alice"), passed("alice")))
	var all []policytest.Step
	for _, name := range []string{"argon", "bcrypt", "plain"} {
		all = append(all, send(field(name, "right"), passed(name)), send(field(name, "wrong"), invalid), send(field(name, "right"), passed(name)))
	}
	for _, name := range []string{"empty", "huge", "broken", "old", "nobody"} {
		all = append(all, send(field(name, "right"), invalid))
	}
	policytest.Run(t, &basic.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "hot", Hot: true, Config: plain, Steps: []policytest.Step{send(field("alice", "secret:alice"), passed("alice"))}},
		{Name: "hot with a hash", Hot: true, Config: users, Deps: hashed, Steps: []policytest.Step{send(field("argon", "right"), passed("argon"))}},
		{Name: "hashes", Config: users, Deps: hashed, Steps: all},
		{Name: "remembered, then not", Config: plain, Steps: []policytest.Step{
			send(field("bob", "secret:bob"), passed("bob")), after(6*time.Minute, send(field("bob", "secret:bob"), passed("bob"))), send(field("bob", "secret:alice"), invalid),
		}},
		{Name: "none", Config: plain, Steps: []policytest.Step{{Want: missing}, send("Bearer x", missing), send("Basic", missing)}},
		{Name: "malformed", Config: plain, Steps: []policytest.Step{
			send("Basic !", invalid), send("Basic "+base64.StdEncoding.EncodeToString([]byte("alice")), invalid), send("Basic "+strings.Repeat("A", 2000), invalid),
			send(field("", ""), invalid), send(field("alice", ""), invalid), send(field("alice", strings.Repeat("a", 600)), invalid), send(strings.TrimRight(field("alice", "x"), "="), invalid),
		}},
		{Name: "guesses", Config: plain, Steps: flood},
		{Name: "forwarded", Config: strings.Replace(plain, "{", `{"forward":true,"consumer_prefix":"u:",`, 1), Steps: []policytest.Step{
			send(field("bob", "secret:bob"), policytest.Want{Forwarded: true, Sent: map[string]string{"Authorization": field("bob", "secret:bob")}}),
		}},
	}})
}

// TestChangedPassword: what was right under the old password is not under the new
// one, though the state lives on.
func TestChangedPassword(t *testing.T) {
	t.Parallel()
	d := policytest.NewDeps()
	for _, password := range []string{"old", "new"} {
		d.Secret = func(string) ([]byte, error) { return []byte(password), nil }
		p, err := basic.New([]byte(plain), d)
		if err != nil {
			t.Fatal(err)
		}
		w := policytest.Want{Rejected: true, Code: contract.CodeCredentialsInvalid}
		if password == "old" {
			w = passed("alice")
		}
		policytest.Serve(t, []policy.Step{{Policy: p, Descriptor: &basic.Descriptor}}, send(field("alice", "old"), w))
	}
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &basic.Descriptor) }

func BenchmarkPolicy(b *testing.B) {
	policytest.Bench(b, &basic.Descriptor, policytest.Case{Config: plain, Steps: []policytest.Step{send(field("alice", "secret:alice"), passed("alice"))}})
}
