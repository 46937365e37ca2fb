package docs

import "embed"

// Files holds nav.json and the pages.
//
//go:embed nav.json *.md policies/*.md
var Files embed.FS
