package grpcwire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Flags of a frame.
const (
	FlagCompressed = 0x01
	FlagEndStream  = 0x02 // Connect: the frame ends the stream
	FlagTrailers   = 0x80 // gRPC-Web: the frame holds trailers
)

// HeadLen is the length of a frame's head: one byte of flags, four of length.
const HeadLen = 5

// AppendHead appends the head of a frame whose payload has n bytes.
func AppendHead(out []byte, flags byte, n int) []byte {
	return binary.BigEndian.AppendUint32(append(out, flags), uint32(n))
}

// Append appends a frame.
func Append(out []byte, flags byte, payload []byte) []byte {
	return append(AppendHead(out, flags, len(payload)), payload...)
}

// Errors of Frames.
var (
	ErrCut = errors.New("the stream ends in the middle of a message")
)

// TooLargeError says that a message is longer than allowed.
type TooLargeError struct{ Bytes, Max int64 }

// Error names both.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("a message of %d bytes, at most %d are allowed", e.Bytes, e.Max)
}

// Frames takes a stream of frames apart, however it was cut. The zero Frames
// takes no message that is not empty: set Max.
type Frames struct {
	Max  int64 // of a payload, in bytes
	rest []byte
}

// Push takes the next piece of the stream and calls each for every frame that is
// complete, with a payload that is valid for the call. It ends with the first
// error of its own or of each.
func (f *Frames) Push(in []byte, each func(flags byte, payload []byte) error) error {
	if len(f.rest) > 0 {
		f.rest = append(f.rest, in...)
		in = f.rest
	}
	for len(in) >= HeadLen {
		n := int64(binary.BigEndian.Uint32(in[1:HeadLen]))
		if n > f.Max {
			return &TooLargeError{n, f.Max}
		}
		if int64(len(in)-HeadLen) < n {
			break
		}
		end := HeadLen + int(n)
		if err := each(in[0], in[HeadLen:end]); err != nil {
			return err
		}
		in = in[end:]
	}
	f.rest = append(f.rest[:0], in...)
	return nil
}

// End reports ErrCut when a frame is not complete.
func (f *Frames) End() error {
	if len(f.rest) > 0 {
		return ErrCut
	}
	return nil
}
