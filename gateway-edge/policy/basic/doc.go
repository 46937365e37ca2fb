// Package basic is the policy "basic": a request must carry a user name and a
// password (RFC 7617).
//
// Passwords are secrets of the gateway: a hash by argon2id or bcrypt, or the
// password itself. What was found right is remembered for some minutes under a
// hash that is salted for each process; that is the hot path, without lock or
// allocation. A hash is computed in Await, few at a time, and a user who does not
// exist costs the same. Clients that fail are held back.
//
// Neither a password nor the field that carried it is kept or shown.
package basic
