package listen

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"testing"

	"golang.org/x/net/http2"
)

// bytesConn reads bytes in pieces of at most n.
type bytesConn struct {
	net.Conn
	r *bytes.Reader
	n int
}

func (c *bytesConn) Read(p []byte) (int, error) { return c.r.Read(p[:min(len(p), 1+rand.IntN(c.n))]) }

// TestSettingsLastWins: the last value of a setting is the one that counts, however
// the bytes come; nothing else is changed.
func TestSettingsLastWins(t *testing.T) {
	t.Parallel()
	for range 500 {
		var in bytes.Buffer
		in.WriteString(http2.ClientPreface)
		f := http2.NewFramer(&in, nil)
		_ = f.WriteSettings()
		_ = f.WriteSettings(http2.Setting{ID: 4, Val: 100}, http2.Setting{ID: 1, Val: 7}, http2.Setting{ID: 4, Val: 50}, http2.Setting{ID: 4, Val: 1})
		_ = f.WriteData(1, false, []byte("between"))
		_ = f.WriteSettings(http2.Setting{ID: 3, Val: 9})
		_ = f.WriteSettings(http2.Setting{ID: 5, Val: 1}, http2.Setting{ID: 5, Val: 1 << 14}) // the first is refused
		_ = f.WriteSettingsAck()
		_ = f.WriteData(1, true, []byte("behind"))
		whole := in.Len()
		out, err := io.ReadAll(&settings{Conn: &bytesConn{r: bytes.NewReader(in.Bytes()), n: 1 + rand.IntN(60)}, skip: preface})
		if err != nil || len(out) != whole {
			t.Fatalf("%d bytes of %d, %v", len(out), whole, err)
		}
		r := http2.NewFramer(nil, bytes.NewReader(out[preface:]))
		var got []map[http2.SettingID]uint32
		var data string
		for {
			frame, err := r.ReadFrame()
			if err != nil {
				break
			}
			switch frame := frame.(type) {
			case *http2.SettingsFrame:
				last := map[http2.SettingID]uint32{}
				_ = frame.ForeachSetting(func(s http2.Setting) error {
					if s.ID < unknown {
						last[s.ID] = s.Val
					}
					return nil
				})
				if frame.HasDuplicates() != (len(got) == 3) {
					t.Fatalf("frame %d: duplicates %v", len(got), frame.HasDuplicates())
				}
				got = append(got, last)
			case *http2.DataFrame:
				data += string(frame.Data())
			}
		}
		if len(got) != 5 || got[1][4] != 1 || got[1][1] != 7 || got[2][3] != 9 || data != "betweenbehind" {
			t.Fatalf("%v %q", got, data)
		}
	}
}
