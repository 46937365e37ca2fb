// Package session keeps browsers signed in: an opaque random cookie, whose hash
// names a row that the tenant domain stores (scs does cookies and tokens, the
// domain lists and ends sessions).
//
// Every request reads the row, so a session that was ended anywhere is over with
// the next request. A sign-in always gets a new token (no fixation), reading
// never writes a session back (no resurrection), and the cookie is HttpOnly,
// SameSite=Lax and, where the portal has TLS, Secure with the __Host- prefix.
//
// Tickets are sealed cookies for what is shorter than a session and kept nowhere
// else: a sign-in that waits for its second factor or for a provider.
package session
