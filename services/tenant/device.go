package tenant

import (
	"crypto/rand"
	"math/big"
	"regexp"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Bounds of the sign-in of a command line (RFC 8628).
const (
	deviceLasts = 10 * time.Minute
	// devicePoll is how often a command line may ask (section 3.5: each time that
	// it asks sooner, five seconds are added), devicePollMax the slowest it gets.
	devicePoll    = 5 * time.Second
	devicePollMax = time.Minute
	// maxDevices bounds those that wait, of everybody together.
	maxDevices = 10_000
	// DeviceTokenLasts is how long a command line's token works by default,
	// MaxDeviceToken how long at most.
	DeviceTokenLasts = 90 * 24 * time.Hour
	MaxDeviceToken   = 366 * 24 * time.Hour
)

// linkDevice and linkDeviceCode are kinds of secrets for linkHash.
const (
	linkDevice     = "device"
	linkDeviceCode = "device-code"
)

// deviceLetters are those of user codes: no vowels, so that no words come of them
// (RFC 8628 section 6.1). Eight of 20 letters are 34 bits.
const (
	deviceLetters = "BCDFGHJKLMNPQRSTVWXZ"
	deviceCodeLen = 8
)

// Decisions on a device sign-in.
const (
	deviceAllowed = "allowed"
	deviceDenied  = "denied"
)

// DeviceLogin is a sign-in of a command line that waits for a person.
type DeviceLogin struct {
	DeviceHash []byte
	UserHash   []byte
	Host       string // of the machine, as it says itself
	Client     string // address that it asked from
	Poll       time.Duration
	NextPollAt time.Time
	// Decision is empty while nobody has decided; what follows is of who allowed it.
	Decision       string
	Organization   core.OrganizationID
	UserID         string
	Scopes         []string
	TokenExpiresAt time.Time
	ExpiresAt      time.Time
	CreatedAt      time.Time
}

// TokenName is the name of the token that the sign-in makes.
func (d *DeviceLogin) TokenName() string { return "command line on " + d.Host }

// NewDevice is a device sign-in with the codes that are shown once.
type NewDevice struct {
	DeviceCode string // secret of the command line
	UserCode   string // XXXX-XXXX, which the person confirms
	URL        string // page of the portal
	Lasts      time.Duration
	Poll       time.Duration
}

// DeviceGrant is what a person allows a command line.
type DeviceGrant struct {
	Scopes    []string  // at least one
	ExpiresAt time.Time // zero: after DeviceTokenLasts
}

// DeviceToken is what a device sign-in ends with.
type DeviceToken struct {
	NewToken
	OrganizationName string
}

// hostForm is a machine's name: nothing that could read as a message to whoever
// is asked to allow it.
var hostForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)

func checkHost(host string) error {
	var errs contract.FieldErrors
	if !hostForm.MatchString(host) {
		errs.Add("/host", "must be a machine's name: from 1 to 63 letters, digits, dots, dashes and underscores, a letter or digit first and last")
	}
	return core.Invalid(errs.Err())
}

// validate names every bad field of what a person allows.
func (g *DeviceGrant) validate(d *DeviceLogin, now time.Time) error {
	if g.ExpiresAt.IsZero() {
		g.ExpiresAt = now.Add(DeviceTokenLasts)
	}
	g.ExpiresAt = g.ExpiresAt.UTC().Truncate(time.Millisecond)
	in := TokenInput{Name: d.TokenName(), Scopes: g.Scopes, ExpiresAt: g.ExpiresAt}
	if err := in.Validate(now); err != nil {
		return err
	}
	if g.ExpiresAt.After(now.Add(MaxDeviceToken)) {
		return badField("/expires_at", "must be within 366 days")
	}
	return nil
}

// newUserCode returns eight random letters.
func newUserCode() string {
	b := make([]byte, deviceCodeLen)
	for i := range b {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(deviceLetters))))
		if err != nil {
			panic(err) // never fails since Go 1.24
		}
		b[i] = deviceLetters[n.Int64()]
	}
	return string(b)
}

// showUserCode writes a code as people read it: XXXX-XXXX.
func showUserCode(code string) string { return code[:deviceCodeLen/2] + "-" + code[deviceCodeLen/2:] }

// readUserCode takes a code as people type it, in small letters, with spaces or
// without the dash; false for what can be none.
func readUserCode(typed string) (string, bool) {
	code := strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(typed))
	if len(code) != deviceCodeLen || strings.Trim(code, deviceLetters) != "" {
		return "", false
	}
	return code, true
}
