// Package tenant holds who uses the control plane: organizations, users, members
// and their roles, invitations, management tokens, sessions, one-time links and
// the queue of mails that carry them.
//
// It decides who somebody is and which organizations and role that somebody has.
// What a role may do is the caller's table. Passwords are kept as argon2id,
// tokens, session cookies and links only as hashes, the text of a mail that
// waits only sealed. What it says of an address is the same whether the address
// is known or not, in words and in work done, except at signup (email_taken).
//
// It opens nothing: rows come and go through Store, mails leave through Mailer.
// A change of what edges must know of an organization (its plan, its
// verification, its period, its rule for a cut-off Redis) names the organization
// in core.Change.Publish, and Document says what they are told.
package tenant
