// Package webui serves the portal's pages. The web portal itself (portal/web, a
// program for browsers) and the developer portals that gateways' owners publish
// (/p/…) are files of a build: hashed, packed beforehand, under a strict content
// policy with a fresh nonce for styles. The documentation (/docs/) and the
// reference of the management API (/docs/api, from its own document) are rendered
// here and need no script.
//
// A link in a mail (/verify, /reset, /join) shows a page and changes nothing:
// programs that look at mails follow links, so that only the page's button uses a
// link up. Without a web build plain forms of the same stand in.
package webui
