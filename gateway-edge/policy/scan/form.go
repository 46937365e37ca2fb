package scan

// FormLimits bound a form. Each is at least 1.
type FormLimits struct {
	Fields      int
	NameLength  int // bytes, escapes undone
	ValueLength int // bytes, escapes undone
}

// Form scans application/x-www-form-urlencoded. Fields are separated by "&" only.
type Form struct {
	base
	l       *FormLimits
	fields  int
	value   bool // behind "="
	length  int
	escape  int // digits of an escape still to come
	pending bool
}

// Reset makes the scanner ready for another form.
func (s *Form) Reset(l *FormLimits) {
	s.reset()
	s.l, s.fields, s.value, s.length, s.escape, s.pending = l, 0, false, 0, 0, false
}

// Feed scans a piece.
func (s *Form) Feed(p []byte) bool {
	for i, c := range p {
		if s.escape > 0 {
			if unhex(c) < 0 {
				return s.fail(i, "the form has an escape without two hexadecimal digits", 0)
			}
			s.escape--
			continue
		}
		if c == '&' {
			s.pending, s.value, s.length = false, false, 0
			continue
		}
		if !s.pending {
			s.pending = true
			if s.fields++; s.fields > s.l.Fields {
				return s.fail(i, "the form has more than % fields", s.l.Fields)
			}
		}
		if c == '=' && !s.value {
			s.value, s.length = true, 0
			continue
		}
		if c < 0x20 || c == 0x7F {
			return s.fail(i, "the form holds a control character", 0)
		}
		if !s.grows(i) {
			return false
		}
		if c == '%' {
			s.escape = 2
		}
	}
	s.at += int64(len(p))
	return true
}

func (s *Form) grows(i int) bool {
	s.length++
	if s.value && s.length > s.l.ValueLength {
		return s.fail(i, "a value of the form has more than % bytes", s.l.ValueLength)
	}
	if !s.value && s.length > s.l.NameLength {
		return s.fail(i, "a name of the form has more than % bytes", s.l.NameLength)
	}
	return true
}

// End says that there is no more.
func (s *Form) End() bool {
	if s.escape > 0 {
		return s.fail(0, "the form has an escape without two hexadecimal digits", 0)
	}
	return true
}
