package apitest

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"testing"
)

// developer is somebody who is signed in at one developer portal, in a browser
// of their own.
type developer struct {
	*caller
	label, email string
}

// publish sets up a gateway's portal with plans and returns its label.
func (c *caller) publish(g string, plans ...object) string {
	c.e.t.Helper()
	if plans == nil {
		plans = []object{}
	}
	p := c.put(g+"/developer-portal", object{"name": "Demo", "published": true, "plans": plans}).want(200)
	return p.str("label")
}

// stranger is a browser that has no cookie yet.
func (e *env) stranger(label string) *developer {
	e.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		e.t.Fatal(err)
	}
	return &developer{caller: &caller{e: e, jar: jar}, label: label}
}

// developer makes an account at a portal, where no mail is set up, and signs in.
func (e *env) developer(label, email string) *developer {
	e.t.Helper()
	d := e.stranger(label)
	d.email = email
	d.post("/signup", object{"email": email, "password": password, "name": "Dev"}).want(202)
	d.post("/login", object{"email": email, "password": password}).want(200)
	return d
}

func (d *developer) path(p string) string { return "/v1/developer/" + d.label + p }

func (d *developer) get(p string) *answer { d.e.t.Helper(); return d.do("GET", d.path(p), nil) }

func (d *developer) post(p string, body any) *answer {
	d.e.t.Helper()
	return d.do("POST", d.path(p), body)
}

func (d *developer) put(p string, body any) *answer {
	d.e.t.Helper()
	return d.do("PUT", d.path(p), body)
}

func (d *developer) delete(p string) *answer { d.e.t.Helper(); return d.do("DELETE", d.path(p), nil) }

// cookie is the session's cookie as the browser keeps it.
func (d *developer) cookie() *http.Cookie {
	d.e.t.Helper()
	u, err := url.Parse(d.e.base + d.path("/me"))
	if err != nil {
		d.e.t.Fatal(err)
	}
	for _, c := range d.jar.Cookies(u) {
		if c.Name == "tollgate_developer" {
			return c
		}
	}
	d.e.t.Fatal("the browser has no session")
	return nil
}

// logo is a small image in base64.
var logo = base64.StdEncoding.EncodeToString(picture(8, 8))

func picture(width, height int) []byte {
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for i := range min(width, height) {
		img.Set(i, i, color.RGBA{0x1c, 0x64, 0xb0, 0xff})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err) // memory only
	}
	return b.Bytes()
}

// tokenOf is the token of a mailed link.
func tokenOf(t *testing.T, link string) string {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("token")
}
