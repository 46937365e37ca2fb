package contract

import (
	"encoding/json"
	"fmt"
)

// Kinds of change notices.
const (
	NoticeGateway      = "gateway"      // Gateway, Version: fetch tg:doc:{gateway}
	NoticeKey          = "key"          // Record: inline, nothing to fetch
	NoticeOrganization = "organization" // Organization, Version: fetch tg:org:{organization}
	NoticePurge        = "purge"        // reserved for caches
)

// Notice is one entry of tg:changes. Its stream id is "<rev>-0", with rev
// rising by exactly one: a gap shows by itself and Redis refuses a second
// publisher's entry with a revision that was used.
type Notice struct {
	Kind         string `json:"kind"`
	Gateway      string `json:"gateway,omitempty"`
	Organization string `json:"organization,omitempty"`
	Version      uint64 `json:"version,omitempty"`
	Record       []byte `json:"record,omitempty"` // an encoded KeyRecord
}

// NoticeField is the stream field that holds the notice.
const NoticeField = "n"

// Encode writes the notice for the stream.
func (n *Notice) Encode() ([]byte, error) { return json.Marshal(n) }

// DecodeNotice reads a notice. A kind that this version does not know is an
// error: the reader resynchronises rather than skip it.
func DecodeNotice(b []byte) (*Notice, error) {
	n := &Notice{}
	if err := json.Unmarshal(b, n); err != nil {
		return nil, fmt.Errorf("decode notice: %w", err)
	}
	switch n.Kind {
	case NoticeGateway, NoticeKey, NoticeOrganization, NoticePurge:
		return n, nil
	}
	return nil, fmt.Errorf("notice kind %q is not known to schema %d", n.Kind, SchemaVersion)
}
