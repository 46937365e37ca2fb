package tenant

import "time"

// Session is one sign-in of a user. Data belongs to the session library; the
// other fields are what a list of sessions shows.
type Session struct {
	TokenHash string // as the session library hashes its cookie
	ID        string // ses_…, safe to show
	UserID    string
	Data      []byte
	Client    string // IP address at sign-in
	// LastClient is the IP address when the session was seen last.
	LastClient string
	UserAgent  string
	ExpiresAt  time.Time
	SeenAt     time.Time // to the minute
	CreatedAt  time.Time
}
