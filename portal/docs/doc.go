// Package docs embeds the product's documentation: Markdown pages, some of them
// generated from the policies' folders, and nav.json, which orders them.
package docs
