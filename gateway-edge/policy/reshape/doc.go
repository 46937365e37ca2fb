// Package reshape is what transform_request and transform_response have in common:
// the change of one body. It is read as JSON, XML or a form, its fields are
// renamed, removed and set by pointers, and it is written again, perhaps as
// another kind; or another body of fixed variables is put in its place.
//
// Everything is checked and compiled with the configuration. Values that come from
// a request are put into documents as values, never as text that is parsed again,
// so that nothing can be injected. Whatever has no certain meaning is an error:
// the policies refuse the request or the answer then, and send nothing on.
//
// It is a helper for policies, not a policy.
package reshape
