// Package docs embeds the product's documentation: Markdown pages, some of them
// generated from the policies' folders, and nav.json, which orders them.
package docs

import "embed"

// Files holds nav.json and the pages.
//
//go:embed nav.json *.md policies/*.md
var Files embed.FS
