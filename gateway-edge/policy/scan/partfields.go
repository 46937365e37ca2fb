package scan

import "github.com/tollgate/tollgate/gateway-edge/policy"

// partFields are the fields of one part. Its texts are valid while they are read.
type partFields struct {
	disposed bool // it has a Content-Disposition
	formData bool // which says form-data
	name     policy.Text
	hasFile  bool
	file     policy.Text
	typed    bool
	typ      MediaType
}

// read takes the fields apart, each with its line end; it returns why not.
func (h *partFields) read(head policy.Text) string {
	for n := 0; !head.Empty(); n++ {
		end := head.Index('\n')
		if end < 1 || head.At(end-1) != '\r' {
			return "a part's fields have a line without its end"
		}
		line := head.Slice(0, end-1)
		head = head.Slice(end+1, head.Len())
		if line.Empty() {
			return ""
		}
		if n >= maxPartField {
			return "a part has too many fields"
		}
		if why := h.field(line); why != "" {
			return why
		}
	}
	return ""
}

func (h *partFields) field(line policy.Text) string {
	var utf utf8Reader
	for i := range line.Len() {
		c := line.At(i)
		if c < 0x20 && c != '\t' || c == 0x7F {
			return "a part's field holds a control character"
		}
		if (utf.need > 0 || c >= 0x80) && !utf.put(c) {
			return "a part's field is not valid UTF-8"
		}
	}
	name, value, ok := line.Cut(':')
	if value = value.Trim(); !ok || !token(name) || utf.need > 0 {
		return "a part has a malformed field"
	}
	switch {
	case name.Fold("Content-Disposition"):
		return h.disposition(value)
	case name.Fold("Content-Type"):
		if h.typed {
			return "a part has two fields Content-Type"
		}
		h.typed = true
		if h.typ, ok = ReadMediaType(value); !ok {
			return "a part has a malformed Content-Type"
		}
		if h.typ.Kind == KindMultipart {
			return "a part is multipart itself"
		}
	case name.Fold("Content-Transfer-Encoding"):
		if !value.Fold("7bit") && !value.Fold("8bit") && !value.Fold("binary") {
			return "a part is encoded"
		}
	case name.Fold("Content-Encoding"):
		if !value.Fold("identity") {
			return "a part is encoded"
		}
	}
	return ""
}

// disposition reads "form-data; name=…; filename=…" (RFC 7578 4.2).
func (h *partFields) disposition(v policy.Text) string {
	const malformed = "a part has a malformed Content-Disposition"
	if h.disposed {
		return "a part has two fields Content-Disposition"
	}
	h.disposed = true
	kind, rest, more := v.Cut(';')
	h.formData = kind.Trim().Fold("form-data")
	named := false
	for more {
		var name, value policy.Text
		var ok bool
		if name, value, rest, more, ok = parameter(rest); !ok {
			return malformed
		}
		switch {
		case name.Fold("name"):
			if named {
				return malformed
			}
			named, h.name = true, value
		case name.Fold("filename"):
			if h.hasFile {
				return malformed
			}
			h.hasFile, h.file = true, value
		case name.Fold("filename*"), name.Fold("name*"):
			return "a part has a name in an encoding of its own"
		}
	}
	return badFile(h.file)
}

// badFile refuses names that lead to another folder.
func badFile(t policy.Text) string {
	for i := range t.Len() {
		if c := t.At(i); c == '/' || c == '\\' || c == ':' {
			return "the name of a file holds a path"
		}
	}
	if t.Is("..") || t.Is(".") {
		return "the name of a file holds a path"
	}
	return ""
}
