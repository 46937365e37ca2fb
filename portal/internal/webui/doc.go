// Package webui serves the portal's pages: what is where (/), the documentation
// (/docs/), the reference of the management API made from its own document
// (/docs/api), and the few forms that mailed links lead to (/verify, /reset,
// /join). Pages are rendered on the server, need no script, and run none.
//
// A link in a mail shows a form and changes nothing: programs that look at mails
// follow links, so that only the form's button uses a link up.
package webui
