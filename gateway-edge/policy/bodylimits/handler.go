package bodylimits

import (
	"errors"
	"sync"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/coding"
	"github.com/tollgate/tollgate/gateway-edge/policy/scan"
	"github.com/tollgate/tollgate/services/contract"
)

// limits is immutable but for its pool.
type limits struct {
	max        int64
	types      []scan.TypePattern
	files      []scan.TypePattern
	extensions []string
	untyped    bool
	codings    [coding.Unknown + 1]bool // that bodies may have
	streaming  bool
	json       scan.JSONLimits
	xml        scan.XMLLimits
	form       scan.FormLimits
	multipart  scan.MultipartLimits
	works      sync.Pool // of *work
}

var (
	_ policy.Needer   = (*limits)(nil)
	_ policy.Chooser  = (*limits)(nil)
	_ policy.Finisher = (*limits)(nil)
)

func (p *limits) compile(c *Config) {
	j, x, f, m := &c.JSON, &c.XML, &c.Form, &c.Multipart
	p.max, p.untyped, p.streaming = c.MaxBytes, c.Untyped, c.Streaming
	p.codings[coding.Plain] = true
	for _, e := range c.Encodings {
		p.codings[coding.Named(policy.Static(e))] = true
	}
	p.json = scan.JSONLimits{Depth: j.Depth, Keys: j.Keys, ArrayLength: j.ArrayLength, Values: j.Values, KeyLength: j.KeyLength, StringLength: j.StringLength, NumberLength: j.NumberLength, Duplicates: j.DuplicateKeys}
	p.xml = scan.XMLLimits{Depth: x.Depth, Elements: x.Elements, Attributes: x.Attributes, NameLength: x.NameLength, ValueLength: x.ValueLength, TextLength: x.TextLength}
	p.form = scan.FormLimits{Fields: f.Fields, NameLength: f.NameLength, ValueLength: f.ValueLength}
	p.multipart = scan.MultipartLimits{
		Parts: m.Parts, NameLength: m.NameLength, PartBytes: m.PartBytes, Files: m.Files, FileBytes: m.FileBytes,
		FileNameLength: m.FileNameLength, FileTypes: p.files, Extensions: p.extensions,
	}
	p.works.New = func() any { return &work{p: p} }
}

// work is what judging one body takes. It is kept and used again.
type work struct {
	p         *limits
	seen      int64
	bare      bool
	scanner   scan.Scanner // nil: only the size counts
	json      scan.JSON
	xml       scan.XML
	form      scan.Form
	multipart scan.Multipart
}

// Needs is the whole body, or each piece of it on its way.
func (p *limits) Needs() (request, response policy.Need) {
	if p.streaming {
		return policy.Need{Mode: policy.NeedStream, SameLength: true}, policy.Need{}
	}
	return policy.Need{Mode: policy.NeedWhole, Max: p.max}, policy.Need{}
}

// WantsBody is true for what is looked into, and for what tells no length that
// could be judged by itself.
func (p *limits) WantsBody(x *policy.Exchange, _ policy.Side) bool {
	h, code, _ := p.head(x)
	return code == contract.CodeInternal && (h.looked || x.Request().Length < 0)
}

// head is what a request's fields say of its body.
type head struct {
	typ    scan.MediaType
	coding coding.Coding
	looked bool // it is looked into
	bare   bool // it has no type: only an empty body is accepted
}

const noType = "The body has no Content-Type"

// head judges the fields; the code is CodeInternal when they are fine.
func (p *limits) head(x *policy.Exchange) (h head, code contract.Code, why string) {
	q := x.Request()
	if q.Length > p.max {
		return h, contract.CodeBodyTooLarge, ""
	}
	v, typed := q.Header.Get(policy.ContentType)
	if h.bare = !typed && !p.untyped; h.bare && q.Length > 0 {
		return h, contract.CodeMediaType, noType
	}
	if typed {
		var ok bool
		if h.typ, ok = scan.ReadMediaType(v); !ok {
			return h, contract.CodeMediaType, "The Content-Type is malformed"
		}
		if !p.accepts(h.typ.Type) {
			return h, contract.CodeMediaType, "The Content-Type is not one that is accepted here"
		}
	}
	h.coding = coding.Of(q.Header)
	h.looked = h.typ.Kind != scan.Other || h.coding != coding.Plain
	if h.coding == coding.Unknown || !p.codings[h.coding] {
		return h, contract.CodeMediaType, "The Content-Encoding is not one that is accepted here"
	}
	if h.looked && h.typ.Kind != scan.KindMultipart && !h.typ.UTF8() {
		return h, contract.CodeMediaType, "The body is not in UTF-8"
	}
	return h, contract.CodeInternal, ""
}

func (p *limits) accepts(t policy.Text) bool {
	for _, pattern := range p.types {
		if pattern.Fits(t) {
			return true
		}
	}
	return len(p.types) == 0
}

// OnRequest judges a body that is there, or puts a judge on its way.
func (p *limits) OnRequest(x *policy.Exchange, s *policy.Slot) policy.Action {
	if x.Request().Length == 0 {
		return x.Next()
	}
	h, code, why := p.head(x)
	if code != contract.CodeInternal {
		return x.RejectDetail(code, 0, why)
	}
	if p.streaming {
		return p.stream(x, s, &h)
	}
	body := x.Body()
	if body.Len() == 0 { // it is empty, or there is nothing to look for
		return x.Next()
	}
	if h.bare {
		return x.RejectDetail(contract.CodeMediaType, 0, noType)
	}
	w := p.works.Get().(*work)
	defer p.works.Put(w)
	return w.judge(x, &h, body)
}

// stream puts a judge on the body's way.
func (p *limits) stream(x *policy.Exchange, s *policy.Slot, h *head) policy.Action {
	w := p.works.Get().(*work)
	s.P = w
	if !w.begin(h) {
		return w.refuse(x)
	}
	x.Filter(policy.OnTheRequest, w)
	return x.Next()
}

// OnDone gives back what a body on its way took.
func (p *limits) OnDone(_ *policy.Exchange, s *policy.Slot) {
	if w, ok := s.P.(*work); ok {
		p.works.Put(w)
		s.P = nil
	}
}

// begin makes ready for a body. False: its fields alone are wrong.
func (w *work) begin(h *head) bool {
	w.seen, w.bare, w.scanner = 0, h.bare, nil
	switch h.typ.Kind {
	case scan.KindJSON, scan.KindJSONLines:
		w.json.Reset(&w.p.json, h.typ.Kind == scan.KindJSONLines)
		w.scanner = &w.json
	case scan.KindXML:
		w.xml.Reset(&w.p.xml)
		w.scanner = &w.xml
	case scan.KindForm:
		w.form.Reset(&w.p.form)
		w.scanner = &w.form
	case scan.KindMultipart:
		w.scanner = &w.multipart
		return w.multipart.Reset(&w.p.multipart, &h.typ)
	}
	return true
}

// judge looks through a body that was collected.
func (w *work) judge(x *policy.Exchange, h *head, body policy.Body) policy.Action {
	if !w.begin(h) {
		return w.refuse(x)
	}
	well := true
	switch err := coding.Decode(h.coding, body.Chunks(), w.p.max, func(p []byte) bool {
		well = w.scanner == nil || w.scanner.Feed(p)
		return well
	}); {
	case errors.Is(err, coding.ErrTooLarge):
		return x.RejectDetail(contract.CodeBodyTooLarge, 0, "The decoded body is larger than allowed")
	case err != nil:
		return x.RejectDetail(contract.CodeRequestInvalid, 0, "The body is not what its Content-Encoding says")
	case !well:
		return w.refuse(x)
	}
	if w.scanner != nil && !w.scanner.End() {
		return w.refuse(x)
	}
	return x.Next()
}

func (w *work) refuse(x *policy.Exchange) policy.Action {
	return x.RejectDetail(contract.CodeRequestInvalid, 0, w.scanner.Fault().String())
}

// errBody ends an exchange whose body on its way is bad.
var errBody = errors.New("the body breaks the limits of the policy body_limits")

// Filter judges a piece on its way and passes it on.
func (w *work) Filter(_ *policy.Exchange, in []byte, last bool, out *policy.Out) error {
	if w.seen += int64(len(in)); w.seen > w.p.max {
		return policy.ErrBodyBudget
	}
	if w.bare && w.seen > 0 || w.scanner != nil && w.seen > 0 && (!w.scanner.Feed(in) || last && !w.scanner.End()) {
		return errBody
	}
	_, err := out.Write(in)
	return err
}
