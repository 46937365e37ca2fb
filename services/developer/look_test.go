package developer

import (
	"image/color"
	"math"
	"testing"

	"github.com/tollgate/tollgate/services/contract"
)

func TestContrast(t *testing.T) {
	t.Parallel()
	white, black := color.RGBA{0xff, 0xff, 0xff, 0xff}, color.RGBA{A: 0xff}
	// Known figures of WCAG's definition.
	for _, c := range []struct {
		a, b color.RGBA
		want float64
	}{{white, black, 21}, {white, white, 1}, {white, color.RGBA{0x76, 0x76, 0x76, 0xff}, 4.54}, {white, color.RGBA{0x77, 0x77, 0x77, 0xff}, 4.48}} {
		if got := contrast(c.a, c.b); math.Abs(got-c.want) > 0.01 {
			t.Errorf("contrast of %v and %v is %.3f, want %.2f", c.a, c.b, got, c.want)
		}
	}
	for r := 0; r < 256; r += 15 {
		for g := 0; g < 256; g += 15 {
			for b := 0; b < 256; b += 15 {
				c := color.RGBA{uint8(r), uint8(g), uint8(b), 0xff}
				if max(contrast(c, white), contrast(c, black)) < minContrast {
					t.Fatalf("neither white nor black can be read on %v", c)
				}
			}
		}
	}
}

func TestAccents(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		page color.RGBA
		ok   bool
	}{
		{"", lightPage, true},
		{defaultAccent, lightPage, true},
		{defaultAccentDark, darkPage, true},
		{"#767676", lightPage, true},
		{"#777777", lightPage, false},
		{"#000000", darkPage, false},
		{"#FFFFFF", darkPage, true},
		{"red", lightPage, false},
		{"#12345", lightPage, false},
		{"#+12345", lightPage, false},
		{"1234567", lightPage, false},
		{"#gggggg", lightPage, false},
	} {
		var errs contract.FieldErrors
		checkAccent(&errs, "/accent", c.text, c.page)
		if (len(errs) == 0) != c.ok {
			t.Errorf("%q on %v: %v", c.text, c.page, errs)
		}
	}
	if TextOn("#ffffff") != "#000000" || TextOn(defaultAccent) != "#ffffff" {
		t.Error("text on an accent can't be read")
	}
}

func TestSupportIsALinkThatIsSafe(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"": true, "help@example.com": true, "https://example.com/help": true,
		"http://example.com": false, "javascript:alert(1)@x": false, "https://u:p@example.com": false, "help": false, "@": false,
		"a@b?subject=x": false, "a@b\nBcc: c@d": false, "data:text/html,x@y": false, "<a@b>": false,
	} {
		var errs contract.FieldErrors
		checkSupport(&errs, text)
		if (len(errs) == 0) != ok {
			t.Errorf("%q: %v", text, errs)
		}
	}
}

// TestAdviceForWhatCallersCanMend wants advice for each answer below 500 that a
// caller can do something about.
func TestAdviceForWhatCallersCanMend(t *testing.T) {
	t.Parallel()
	for _, c := range contract.Codes() {
		title, what := Advice(c.String())
		if title == "" || what == "" {
			t.Errorf("%s has no words", c)
		}
		if s := c.Info().Status; (s == 401 || s == 429 || s == 413) && advice[c] == "" {
			t.Errorf("%s (%d) has no advice of its own", c, s)
		}
	}
	if title, what := Advice("of a backend"); title != "" || what != "" {
		t.Error("an unknown code has words")
	}
}
