// Package notice writes the mails of billing: a type for each occasion, whose
// Form says what happened, what it means for the gateways, by when, and the one
// thing to do. It is pure: who gets a mail, when, and that each is sent once is
// billing's; how it looks is services/mailform's.
package notice
