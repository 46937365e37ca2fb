package scan

import "bytes"

// XMLLimits bound an XML document. Each is at least 1.
type XMLLimits struct {
	Depth       int // of elements in one another
	Elements    int
	Attributes  int // of one element
	NameLength  int // bytes of an element's or an attribute's name
	ValueLength int // bytes of an attribute's value, as written
	TextLength  int // bytes between two tags, as written
}

// XML scans a document of XML 1.0 in UTF-8 for being well-formed. Document type
// declarations, and with them all entities but the five that need none, are
// refused (XXE, entity bombs).
type XML struct {
	base
	l        *XMLLimits
	st       xmlState
	open     []uint64 // sums of the names of open elements
	attrs    []uint64 // sums of the names of the tag's attributes
	elements int
	length   int // of the name, value, text or entity so far
	sum      sum
	quote    byte
	inValue  bool   // the entity stands in an attribute's value
	brackets int    // "]" in a row
	word     []byte // entity, or the inside of a processing instruction
	want     string // what must come of "<!--" or "<![CDATA["
	first    bool   // nothing came before the instruction
	spaced   bool   // white space stands before the next attribute
}

type xmlState uint8

const (
	xmlText xmlState = iota
	xmlTag           // behind "<"
	xmlBang          // behind "<!"
	xmlWant
	xmlComment
	xmlCommentDash
	xmlCommentEnd
	xmlCDATA
	xmlPI
	xmlPIEnd
	xmlName
	xmlInside // of a start tag, behind a name or a value
	xmlAttr
	xmlEquals // behind an attribute's name
	xmlQuote  // behind "="
	xmlValue
	xmlSlash // behind "/" of an empty element
	xmlCloseStart
	xmlClose
	xmlCloseSpace
	xmlEntity
)

const (
	maxEntity      = 10
	maxInstruction = 256
)

// Reset makes the scanner ready for another document.
func (s *XML) Reset(l *XMLLimits) {
	s.reset()
	s.l, s.st = l, xmlText
	s.open, s.attrs, s.word = s.open[:0], s.attrs[:0], s.word[:0]
	s.elements, s.length, s.brackets = 0, 0, 0
}

// Feed scans a piece.
func (s *XML) Feed(p []byte) bool {
	for i, c := range p {
		switch {
		case s.utf.need > 0 || c >= 0x80:
			// A byte order mark may begin the document.
			if !s.utf.put(c) {
				return s.fail(i, "the XML is not valid UTF-8", 0)
			}
		case c < 0x20 && c != '\t' && c != '\n' && c != '\r':
			return s.fail(i, "the XML holds a control character", 0)
		}
		if !s.step(c, i) {
			return false
		}
	}
	s.at += int64(len(p))
	return true
}

// End says that there is no more.
func (s *XML) End() bool {
	switch {
	case s.elements == 0 && s.st == xmlText:
		return s.fail(0, "there is no XML in the body", 0)
	case s.st != xmlText || len(s.open) > 0 || s.utf.need > 0:
		return s.fail(0, "the XML ends too early", 0)
	}
	return true
}

func (s *XML) step(c byte, i int) bool {
	switch s.st {
	case xmlText:
		return s.text(c, i)
	case xmlTag, xmlBang, xmlWant, xmlComment, xmlCommentDash, xmlCommentEnd, xmlCDATA, xmlPI, xmlPIEnd:
		return s.markup(c, i)
	case xmlEntity:
		return s.entity(c, i)
	}
	return s.tag(c, i)
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func nameStart(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == ':' || c >= 0x80
}

func nameByte(c byte) bool {
	return nameStart(c) || c >= '0' && c <= '9' || c == '-' || c == '.'
}

func (s *XML) text(c byte, i int) bool {
	switch {
	case c == '<':
		s.st, s.brackets = xmlTag, 0
		s.first = s.at+int64(i) == 0 || s.at+int64(i) == 3 && s.length == 3
		return true
	case len(s.open) == 0:
		return s.outside(c, i)
	case c == '&':
		s.st, s.inValue, s.word = xmlEntity, false, s.word[:0]
		return true
	case c == '>' && s.brackets >= 2:
		return s.fail(i, "a text of the XML holds \"]]>\"", 0)
	case c == ']':
		s.brackets++
	default:
		s.brackets = 0
	}
	if s.length++; s.length > s.l.TextLength {
		return s.fail(i, "a text of the XML has more than % bytes", s.l.TextLength)
	}
	return true
}

// outside takes what stands around the document's element: white space, and at
// the very beginning a byte order mark.
func (s *XML) outside(c byte, i int) bool {
	const bom = "\xEF\xBB\xBF"
	if at := s.at + int64(i); at < 3 && s.length == int(at) && c == bom[at] {
		s.length++
		return true
	}
	if !isSpace(c) || s.length > 0 && s.length < 3 {
		return s.fail(i, "text stands outside of the XML's element", 0)
	}
	return true
}

// markup takes what begins with "<" and is no tag.
func (s *XML) markup(c byte, i int) bool {
	switch s.st {
	case xmlTag:
		return s.begin(c, i)
	case xmlBang:
		switch {
		case c == '-':
			s.st, s.want = xmlWant, "-"
		case c == '[' && len(s.open) > 0:
			s.st, s.want = xmlWant, "CDATA["
		default:
			return s.fail(i, "the XML has a document type declaration, which is not accepted", 0)
		}
	case xmlWant:
		if c != s.want[0] {
			return s.fail(i, "the XML has markup that it does not know", 0)
		}
		if s.want = s.want[1:]; s.want == "" {
			s.st = xmlComment
			if c == '[' {
				s.st, s.brackets = xmlCDATA, 0
			}
		}
	case xmlComment:
		if c == '-' {
			s.st = xmlCommentDash
		}
	case xmlCommentDash:
		s.st = xmlComment
		if c == '-' {
			s.st = xmlCommentEnd
		}
	case xmlCommentEnd:
		if c != '>' {
			return s.fail(i, "a comment of the XML holds \"--\"", 0)
		}
		s.st = xmlText
	case xmlCDATA:
		return s.cdata(c, i)
	default:
		return s.instruction(c, i)
	}
	return true
}

// begin takes the byte behind "<".
func (s *XML) begin(c byte, i int) bool {
	switch {
	case c == '!':
		s.st = xmlBang
	case c == '?':
		s.st, s.word = xmlPI, s.word[:0]
	case c == '/':
		s.st, s.length = xmlCloseStart, 0
		if len(s.open) == 0 {
			return s.fail(i, "the XML closes an element that is not open", 0)
		}
	case nameStart(c):
		if s.elements > 0 && len(s.open) == 0 {
			return s.fail(i, "the XML has a second element at the top", 0)
		}
		if s.elements++; s.elements > s.l.Elements {
			return s.fail(i, "the XML has more than % elements", s.l.Elements)
		}
		if len(s.open) >= s.l.Depth {
			return s.fail(i, "the XML is nested deeper than % levels", s.l.Depth)
		}
		s.st, s.attrs = xmlName, s.attrs[:0]
		s.sum, s.length = newSum().add(c), 1
	default:
		return s.fail(i, "the XML has a \"<\" that begins nothing", 0)
	}
	return true
}

func (s *XML) cdata(c byte, i int) bool {
	switch {
	case c == ']':
		s.brackets++
	case c == '>' && s.brackets >= 2:
		s.st, s.brackets = xmlText, 0
		return true
	default:
		s.brackets = 0
	}
	if s.length++; s.length > s.l.TextLength {
		return s.fail(i, "a text of the XML has more than % bytes", s.l.TextLength)
	}
	return true
}

// instruction reads a processing instruction. Only the XML declaration is one
// that matters: it may name no other encoding than the one that is read.
func (s *XML) instruction(c byte, i int) bool {
	if s.st == xmlPI {
		if c == '?' {
			s.st = xmlPIEnd
			return true
		}
		if len(s.word) >= maxInstruction {
			return s.fail(i, "a processing instruction of the XML has more than % bytes", maxInstruction)
		}
		s.word = append(s.word, c)
		return true
	}
	if c != '>' {
		return s.fail(i, "a processing instruction of the XML holds a \"?\"", 0)
	}
	s.st = xmlText
	n := bytes.IndexAny(s.word, " \t\r\n")
	if n < 0 {
		n = len(s.word)
	}
	target, rest := s.word[:n], s.word[n:]
	switch {
	case len(target) == 0 || !nameStart(target[0]):
		return s.fail(i, "a processing instruction of the XML has no name", 0)
	case !bytes.EqualFold(target, []byte("xml")):
		return true
	case !s.first || string(target) != "xml":
		return s.fail(i, "the XML declaration is not at the beginning", 0)
	case !readable(rest):
		return s.fail(i, "the XML is not in UTF-8", 0)
	}
	return true
}

// readable reports whether the encoding that an XML declaration names is UTF-8 or
// a part of it.
func readable(declaration []byte) bool {
	_, v, named := bytes.Cut(declaration, []byte("encoding"))
	if !named {
		return true
	}
	v = bytes.TrimLeft(v, " =\t\r\n")
	if len(v) < 2 || v[0] != '"' && v[0] != '\'' {
		return false
	}
	name, _, _ := bytes.Cut(v[1:], v[:1])
	return bytes.EqualFold(name, []byte("utf-8")) || bytes.EqualFold(name, []byte("us-ascii"))
}
