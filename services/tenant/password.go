package tenant

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Bounds of a password. The upper one keeps the hash's cost independent of input.
const (
	MinPassword = 10
	MaxPassword = 256
)

// HashCost is what a password's hash takes. The zero cost is OWASP's minimum for
// argon2id, 19 MiB and two passes; only tests that sign up hundreds take less.
type HashCost struct {
	MemoryKiB uint32
	Passes    uint32
}

func (c HashCost) params() *argon2id.Params {
	return &argon2id.Params{Memory: cmp.Or(c.MemoryKiB, 19<<10), Iterations: cmp.Or(c.Passes, 2), Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

// Bounds of password work: how many hashes run at once (each takes 19 MiB and a
// core) and how many callers may wait for one.
const (
	hashSlots   = 2
	hashWaiters = 64
)

// common are passwords of ten characters and more that head every leaked list.
var common = strings.Fields(`1234567890 0123456789 password123 password1234 passw0rd123 qwertyuiop
1q2w3e4r5t 1qaz2wsx3edc qwerty12345 qwerty123456 iloveyou123 1111111111 0000000000 12345678910 123456789a
q1w2e3r4t5 abcdefghij abcd123456 asdfghjkl1 asdfghjkl; zxcvbnm123 letmein123 welcome123 admin12345
administrator changeme123 football123 baseball123 sunshine123 princess123 superman123 trustno123
9876543210 0987654321 1234512345 1122334455 passwordpassword password12345 p@ssw0rd123 mypassword123`)

// checkPassword refuses what is short, endless or guessed first.
func checkPassword(pointer, password, email string, errs *contract.FieldErrors) {
	low := strings.ToLower(password)
	switch {
	case !utf8.ValidString(password):
		errs.Add(pointer, "must be UTF-8")
	case utf8.RuneCountInString(password) < MinPassword:
		errs.Add(pointer, fmt.Sprintf("must have at least %d characters", MinPassword))
	case len(password) > MaxPassword:
		errs.Add(pointer, fmt.Sprintf("must have at most %d bytes", MaxPassword))
	case email != "" && low == EmailKey(email):
		errs.Add(pointer, "must not be the e-mail address")
	default:
		for _, c := range common {
			if low == c {
				errs.Add(pointer, "is one of the first that an attacker tries")
				return
			}
		}
	}
}

// hasher bounds password work.
type hasher struct {
	slots chan struct{} // holds one token for each hash that runs
	queue chan struct{} // and for each caller that waits or runs
	cost  *argon2id.Params
	dummy string // hash that no password has: compared for unknown users
}

func newHasher(cost HashCost) (*hasher, error) {
	params := cost.params()
	dummy, err := argon2id.CreateHash(core.NewID("none"), params)
	if err != nil {
		return nil, fmt.Errorf("hash password: %w", err)
	}
	return &hasher{
		slots: make(chan struct{}, hashSlots),
		queue: make(chan struct{}, hashSlots+hashWaiters),
		cost:  params,
		dummy: dummy,
	}, nil
}

// enter waits for a slot; the returned function gives it back.
func (h *hasher) enter(ctx context.Context) (func(), error) {
	select {
	case h.queue <- struct{}{}:
	default:
		e := core.Errorf(core.CodeUnavailable, "too many sign-ins at once")
		e.RetryAfter = time.Second
		return nil, e
	}
	select {
	case h.slots <- struct{}{}:
		return func() { <-h.slots; <-h.queue }, nil
	case <-ctx.Done():
		<-h.queue
		return nil, core.Wrap(core.CodeUnavailable, ctx.Err(), "the request was given up while it waited")
	}
}

// hash returns the stored form of a password.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	s, err := argon2id.CreateHash(password, h.cost)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return s, nil
}

// matches compares a password with a stored hash; an empty hash takes as long
// and never matches.
func (h *hasher) matches(ctx context.Context, password, stored string) (bool, error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	known := stored != ""
	if !known {
		stored = h.dummy
	}
	if len(password) > MaxPassword {
		password, known = password[:MaxPassword], false
	}
	ok, err := argon2id.ComparePasswordAndHash(password, stored)
	if err != nil {
		return false, fmt.Errorf("compare password: %w", err)
	}
	return ok && known, nil
}
