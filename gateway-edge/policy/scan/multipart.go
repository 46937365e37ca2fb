package scan

import (
	"bytes"
	"unsafe"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// MultipartLimits bound a multipart body. Each is at least 1.
type MultipartLimits struct {
	Parts      int
	NameLength int   // bytes of a field's name
	PartBytes  int64 // of a part that is no file
	// FileBytes bound a part with a file name, and FileNameLength that name.
	FileBytes      int64
	FileNameLength int
	Files          int // parts with a file name; 0: none are accepted
	// FileTypes are what a file's Content-Type may be, and Extensions what its name
	// may end with, in lower case with their dot; empty: anything.
	FileTypes  []TypePattern
	Extensions []string
}

// Multipart scans a body of parts. What parsers read in different ways is a
// fault: text around the parts, bare line feeds before a delimiter, folded or
// doubled fields, parts that are encoded or multipart themselves.
type Multipart struct {
	base
	l      *MultipartLimits
	form   bool   // multipart/form-data: each part has a name
	mark   []byte // "\n--" and the boundary
	st     partState
	k      int  // bytes of mark that stand before this one
	cr     bool // the byte before the mark was CR
	last   byte
	parts  int
	files  int
	length int64 // of the part so far
	file   bool  // the part has a file name
	head   []byte
	tail   int // bytes behind the last delimiter
}

type partState uint8

const (
	partStart partState = iota // before the first delimiter
	partMark                   // behind a delimiter
	partHead
	partBody
	partEnd
)

const (
	maxBoundary  = 70 // RFC 2046 5.1.1
	maxPartHead  = 4096
	maxPartField = 16
)

// Reset makes the scanner ready for a body of this type. False: the boundary is
// none.
func (s *Multipart) Reset(l *MultipartLimits, m *MediaType) bool {
	s.reset()
	s.l, s.form = l, m.Type.Fold("multipart/form-data")
	s.mark = m.Boundary.AppendTo(append(s.mark[:0], "\n--"...))
	s.st, s.k, s.cr, s.last = partStart, 1, true, '\n'
	s.parts, s.files, s.length, s.tail = 0, 0, 0, 0
	if n := m.Boundary.Len(); n == 0 || n > maxBoundary {
		return s.fail(0, "a multipart body has no usable boundary", 0)
	}
	for _, c := range s.mark[3:] {
		if c <= ' ' || c >= 0x7F {
			return s.fail(0, "a multipart body has no usable boundary", 0)
		}
	}
	return true
}

// Feed scans a piece.
func (s *Multipart) Feed(p []byte) bool {
	for i := 0; i < len(p); {
		var ok bool
		switch s.st {
		case partBody:
			i, ok = s.body(p, i)
		case partStart:
			ok = s.start(p[i], i)
			i++
		case partMark:
			ok = s.delimited(p[i], i)
			i++
		case partHead:
			ok = s.header(p[i], i)
			i++
		default:
			ok = s.end(p[i], i)
			i++
		}
		if !ok {
			return false
		}
	}
	s.at += int64(len(p))
	return true
}

// End says that there is no more.
func (s *Multipart) End() bool {
	if s.st != partEnd || s.tail == 1 {
		return s.fail(0, "the multipart body ends too early", 0)
	}
	return true
}

// start wants the first delimiter at the very beginning.
func (s *Multipart) start(c byte, i int) bool {
	if c != s.mark[s.k] {
		return s.fail(i, "the multipart body does not begin with its boundary", 0)
	}
	if s.k++; s.k == len(s.mark) {
		s.st, s.k = partMark, 0
	}
	return true
}

// delimited takes the two bytes behind a delimiter.
func (s *Multipart) delimited(c byte, i int) bool {
	if s.k == 0 {
		s.k, s.last = 1, c
		if c != '\r' && c != '-' {
			return s.fail(i, "a boundary of the multipart body does not stand alone on its line", 0)
		}
		return true
	}
	switch {
	case s.last == '-' && c == '-':
		s.st = partEnd
		if s.parts == 0 {
			return s.fail(i, "the multipart body has no part", 0)
		}
		return true
	case s.last == '\r' && c == '\n':
		s.st, s.head = partHead, s.head[:0]
		if s.parts++; s.parts > s.l.Parts {
			return s.fail(i, "the multipart body has more than % parts", s.l.Parts)
		}
		return true
	}
	return s.fail(i, "a boundary of the multipart body does not stand alone on its line", 0)
}

// header collects a part's fields.
func (s *Multipart) header(c byte, i int) bool {
	if len(s.head) >= maxPartHead {
		return s.fail(i, "the fields of a part have more than % bytes", maxPartHead)
	}
	s.head = append(s.head, c)
	if c != '\n' {
		return true
	}
	if string(s.head) == "\r\n" {
		s.head = s.head[:0]
	} else if !bytes.HasSuffix(s.head, []byte("\r\n\r\n")) {
		return true
	}
	// A delimiter that follows at once, without a line end of its own, is one to
	// some parsers only.
	s.st, s.k, s.cr, s.last, s.length = partBody, 1, false, '\n', 0
	return s.part(i)
}

// body takes bytes of a part until its delimiter is complete.
func (s *Multipart) body(p []byte, i int) (int, bool) {
	for i < len(p) {
		if s.k == 0 {
			n := bytes.IndexByte(p[i:], '\n')
			if n < 0 {
				s.length += int64(len(p) - i)
				s.last = p[len(p)-1]
				return len(p), s.fits(len(p) - 1)
			}
			if n > 0 {
				s.last = p[i+n-1]
			}
			s.length += int64(n) + 1
			i += n + 1
			s.k, s.cr, s.last = 1, s.last == '\r', '\n'
			continue
		}
		c := p[i]
		if c != s.mark[s.k] {
			s.k = 0
			continue
		}
		s.length++
		s.last = c
		i++
		if s.k++; s.k < len(s.mark) {
			continue
		}
		if !s.cr {
			return i, s.fail(i-1, "a boundary of the multipart body stands behind no line end", 0)
		}
		s.length -= int64(len(s.mark)) + 1
		s.st, s.k = partMark, 0
		return i, s.fits(i - 1)
	}
	return i, s.fits(i - 1)
}

// fits allows for a delimiter that is counted as long as it may be none.
func (s *Multipart) fits(i int) bool {
	limit := s.l.PartBytes
	if s.file {
		limit = s.l.FileBytes
	}
	if s.length <= limit+int64(s.k)+1 && s.st == partBody || s.length <= limit {
		return true
	}
	s.fail(i, "a part has more than % bytes", 0)
	s.fault.Limit = limit
	return false
}

// end takes what stands behind the last delimiter: at most a line end.
func (s *Multipart) end(c byte, i int) bool {
	if s.tail >= 2 || c != "\r\n"[s.tail] {
		return s.fail(i, "text stands behind the multipart body", 0)
	}
	s.tail++
	return true
}

// part judges the fields of a part that are complete.
func (s *Multipart) part(i int) bool {
	h := partFields{} // its texts are of s.head, and are not kept
	if why := h.read(policy.Static(unsafe.String(unsafe.SliceData(s.head), len(s.head)))); why != "" {
		return s.fail(i, why, 0)
	}
	s.file = h.hasFile
	if s.form && (!h.formData || h.name.Empty()) {
		return s.fail(i, "a part has no name", 0)
	}
	if h.name.Len() > s.l.NameLength {
		return s.fail(i, "the name of a part has more than % bytes", s.l.NameLength)
	}
	if !h.hasFile {
		return true
	}
	if s.files++; s.files > s.l.Files {
		return s.fail(i, "the multipart body has more than % files", s.l.Files)
	}
	if h.file.Len() > s.l.FileNameLength {
		return s.fail(i, "the name of a file has more than % bytes", s.l.FileNameLength)
	}
	return s.judgeFile(&h, i)
}

func (s *Multipart) judgeFile(h *partFields, i int) bool {
	fits := len(s.l.FileTypes) == 0
	for _, p := range s.l.FileTypes {
		fits = fits || !h.typ.Type.Empty() && p.Fits(h.typ.Type)
	}
	if !fits {
		return s.fail(i, "a file is of a type that is not accepted", 0)
	}
	fits = len(s.l.Extensions) == 0
	for _, e := range s.l.Extensions {
		fits = fits || foldSuffix(h.file, e)
	}
	if !fits && h.file.Len() > 0 { // a form without a chosen file sends an empty name
		return s.fail(i, "the name of a file has an ending that is not accepted", 0)
	}
	return true
}
