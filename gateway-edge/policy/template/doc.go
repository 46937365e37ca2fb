// Package template expands the fixed variables that a policy's configuration may
// hold: "{client_ip}", "{param.id}" and so on. Doubled braces stand for one.
//
// It is no template language: a variable is replaced by its value once, what
// comes out is never looked at again, there are no functions, no conditions and
// nothing of the process (environment, files, secrets) can be reached. Which
// variables a field takes is said by the policy that parses it; an unknown one
// is an error when the configuration is written.
//
// Values come from the client. The writer says where the text will stand:
// Header refuses control characters and overlong values, URL escapes everything
// that could end a path segment or begin another part of the URL.
//
// It is a helper for policies, not a policy. Expanding allocates nothing while
// the caller's buffer is large enough.
package template
