package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Files are what Vite built and scripts/compress.mjs packed: index.html and
// developer.html with the word Nonce in them, everything else as .br and .gz or,
// where it is compressed already, as it is.
func Files() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the folder's name is a constant
	}
	return sub
}

// Nonce stands in the pages wherever the nonce of a response belongs.
const Nonce = "TOLLGATE_NONCE"
