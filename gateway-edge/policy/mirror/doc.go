// Package mirror is the policy mirror: it sends copies of a part of the requests to
// another upstream, and throws away what that answers. The request itself goes its
// way and never waits: a copy for which there is no room is not sent.
package mirror
