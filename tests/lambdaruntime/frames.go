package lambdaruntime

import (
	"encoding/binary"
	"hash/crc32"
)

// frame is one message of the event stream encoding: lengths, header fields (each a
// name and a text), payload, and two sums.
func frame(kind, contentType string, payload []byte) []byte {
	var fields []byte
	for _, f := range [][2]string{{":message-type", "event"}, {":event-type", kind}, {":content-type", contentType}} {
		fields = append(append(fields, byte(len(f[0]))), f[0]...)
		fields = append(fields, 7, byte(len(f[1])>>8), byte(len(f[1])))
		fields = append(fields, f[1]...)
	}
	out := binary.BigEndian.AppendUint32(nil, uint32(16+len(fields)+len(payload)))
	out = binary.BigEndian.AppendUint32(out, uint32(len(fields)))
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out))
	out = append(append(out, fields...), payload...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out))
}
