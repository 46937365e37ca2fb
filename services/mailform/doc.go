// Package mailform is how every mail of Tollgate looks: a Form says what a mail
// has to say, Write makes of it the plain text and the HTML that stand side by
// side in one message (multipart/alternative, RFC 2046 section 5.1.4).
//
// The HTML loads nothing from anywhere, has no script, is read well in a narrow
// window and in a dark theme, and says nothing that the text does not. The
// package is pure: it knows neither addresses nor the queue.
package mailform
