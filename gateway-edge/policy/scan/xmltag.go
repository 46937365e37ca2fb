package scan

import "strconv"

// tag takes the inside of tags.
func (s *XML) tag(c byte, i int) bool {
	switch s.st {
	case xmlName:
		if nameByte(c) {
			return s.nameGrows(c, i)
		}
		s.open = append(s.open, s.sum.done())
		s.st, s.spaced = xmlInside, false
		return s.inside(c, i)
	case xmlInside:
		return s.inside(c, i)
	case xmlAttr:
		if nameByte(c) {
			return s.nameGrows(c, i)
		}
		if !s.attrEnds(i) {
			return false
		}
		s.st = xmlEquals
		return s.equals(c, i)
	case xmlEquals:
		return s.equals(c, i)
	case xmlQuote:
		if c == '"' || c == '\'' {
			s.st, s.quote, s.length = xmlValue, c, 0
			return true
		}
		if !isSpace(c) {
			return s.fail(i, "an attribute of the XML has no quotes", 0)
		}
		return true
	case xmlValue:
		return s.value(c, i)
	case xmlSlash:
		if c != '>' {
			return s.fail(i, "the XML has a \"/\" inside of a tag", 0)
		}
		s.leaves()
		return true
	}
	return s.closing(c, i)
}

func (s *XML) nameGrows(c byte, i int) bool {
	if s.length++; s.length > s.l.NameLength {
		return s.fail(i, "a name of the XML has more than % bytes", s.l.NameLength)
	}
	s.sum = s.sum.add(c)
	return true
}

// leaves closes the innermost element.
func (s *XML) leaves() {
	s.open = s.open[:len(s.open)-1]
	s.text0()
}

func (s *XML) text0() { s.st, s.length, s.brackets = xmlText, 0, 0 }

// inside takes what stands in a start tag between attributes.
func (s *XML) inside(c byte, i int) bool {
	switch {
	case isSpace(c):
		s.spaced = true
	case c == '>':
		s.text0()
	case c == '/':
		s.st = xmlSlash
	case nameStart(c) && s.spaced:
		if len(s.attrs) >= s.l.Attributes {
			return s.fail(i, "an element of the XML has more than % attributes", s.l.Attributes)
		}
		s.st, s.sum, s.length = xmlAttr, newSum().add(c), 1
	default:
		return s.fail(i, "a tag of the XML is malformed", 0)
	}
	return true
}

func (s *XML) attrEnds(i int) bool {
	name := s.sum.done()
	for _, a := range s.attrs {
		if a == name {
			return s.fail(i, "an element of the XML has two attributes of one name", 0)
		}
	}
	s.attrs = append(s.attrs, name)
	return true
}

func (s *XML) equals(c byte, i int) bool {
	if c == '=' {
		s.st = xmlQuote
		return true
	}
	if !isSpace(c) {
		return s.fail(i, "an attribute of the XML has no value", 0)
	}
	return true
}

func (s *XML) value(c byte, i int) bool {
	switch c {
	case s.quote:
		s.st, s.spaced = xmlInside, false
		return true
	case '<':
		return s.fail(i, "an attribute of the XML holds a \"<\"", 0)
	case '&':
		s.st, s.inValue, s.word = xmlEntity, true, s.word[:0]
		return true
	}
	if s.length++; s.length > s.l.ValueLength {
		return s.fail(i, "an attribute of the XML has more than % bytes", s.l.ValueLength)
	}
	return true
}

// closing takes an end tag.
func (s *XML) closing(c byte, i int) bool {
	switch s.st {
	case xmlCloseStart:
		if !nameStart(c) {
			return s.fail(i, "an end tag of the XML has no name", 0)
		}
		s.st, s.sum, s.length = xmlClose, newSum().add(c), 1
		return true
	case xmlClose:
		if nameByte(c) {
			return s.nameGrows(c, i)
		}
		if s.sum.done() != s.open[len(s.open)-1] {
			return s.fail(i, "the XML closes another element than it opened", 0)
		}
		s.st = xmlCloseSpace
	}
	switch {
	case c == '>':
		s.leaves()
	case !isSpace(c):
		return s.fail(i, "an end tag of the XML is malformed", 0)
	}
	return true
}

// entity takes a reference. It counts as what it is written with.
func (s *XML) entity(c byte, i int) bool {
	if c != ';' {
		if len(s.word) >= maxEntity {
			return s.fail(i, "the XML has an entity that is not one of the five", 0)
		}
		s.word = append(s.word, c)
		return true
	}
	if !knownEntity(s.word) {
		return s.fail(i, "the XML has an entity that is not one of the five", 0)
	}
	s.st = xmlText
	limit := s.l.TextLength
	if s.inValue {
		s.st, limit = xmlValue, s.l.ValueLength
	}
	if s.length += len(s.word) + 2; s.length > limit {
		return s.fail(i, "a text of the XML has more than % bytes", limit)
	}
	return true
}

func knownEntity(b []byte) bool {
	switch string(b) {
	case "lt", "gt", "amp", "apos", "quot":
		return true
	}
	if len(b) < 2 || b[0] != '#' {
		return false
	}
	digits, radix := string(b[1:]), 10
	if b[1] == 'x' {
		digits, radix = string(b[2:]), 16
	}
	n, err := strconv.ParseUint(digits, radix, 32)
	return err == nil && (n >= 0x20 || n == '\t' || n == '\n' || n == '\r') && n <= 0x10FFFF && (n < 0xD800 || n > 0xDFFF) && n != 0xFFFE && n != 0xFFFF
}
