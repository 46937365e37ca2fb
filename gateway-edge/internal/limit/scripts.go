package limit

import (
	"crypto/sha1"
	_ "embed"
	"encoding/hex"
)

// script is one of the Lua scripts; they are plain Lua, so that they also run on
// the embedded store of `tollgate up`.
type script struct {
	name, source, sha string
}

//go:embed lua/quota.lua
var quotaSource string

//go:embed lua/share.lua
var shareSource string

//go:embed lua/direct.lua
var directSource string

//go:embed lua/slots.lua
var slotsSource string

var (
	quotaScript  = newScript("quota", quotaSource)
	shareScript  = newScript("share", shareSource)
	directScript = newScript("direct", directSource)
	slotsScript  = newScript("slots", slotsSource)
)

func newScript(name, source string) *script {
	h := sha1.Sum([]byte(source)) // the name Redis gives a script
	return &script{name: name, source: source, sha: hex.EncodeToString(h[:])}
}
