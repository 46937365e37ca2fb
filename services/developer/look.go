package developer

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	_ "image/gif"  // logos
	_ "image/jpeg" // logos
	"image/png"
	"math"

	"github.com/tollgate/tollgate/services/contract"
)

// Colours of a portal's pages, and accents that can be read on them.
var (
	lightPage = color.RGBA{0xff, 0xff, 0xff, 0xff}
	darkPage  = color.RGBA{0x1a, 0x1b, 0x1e, 0xff}
)

const (
	defaultAccent     = "#1c64b0"
	defaultAccentDark = "#74b4f5"
	// minContrast is what WCAG 2.2 asks of text, level AA (success criterion 1.4.3).
	minContrast = 4.5
)

// parseColour reads #rrggbb.
func parseColour(s string) (color.RGBA, bool) {
	if len(s) != 7 || s[0] != '#' {
		return color.RGBA{}, false
	}
	b, err := hex.DecodeString(s[1:])
	if err != nil {
		return color.RGBA{}, false
	}
	return color.RGBA{b[0], b[1], b[2], 0xff}, true
}

// luminance is the relative luminance of a colour (WCAG 2.2).
func luminance(c color.RGBA) float64 {
	part := func(v uint8) float64 {
		x := float64(v) / 255
		if x <= 0.04045 {
			return x / 12.92
		}
		return math.Pow((x+0.055)/1.055, 2.4)
	}
	return 0.2126*part(c.R) + 0.7152*part(c.G) + 0.0722*part(c.B)
}

// contrast is the contrast ratio of two colours, from 1 to 21 (WCAG 2.2).
func contrast(a, b color.RGBA) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// checkAccent takes a colour that can be read as text on a page.
func checkAccent(errs *contract.FieldErrors, at, text string, page color.RGBA) {
	if text == "" {
		return
	}
	c, ok := parseColour(text)
	if !ok {
		errs.Add(at, "must be a colour such as #1c64b0")
		return
	}
	if r := contrast(c, page); r < minContrast {
		errs.Add(at, fmt.Sprintf("has a contrast of %.1f:1 on the page (#%02x%02x%02x); text needs %.1f:1", math.Floor(r*10)/10, page.R, page.G, page.B, minContrast))
	}
}

// TextOn is the colour of text on an accent: white or black, whichever can be
// read better. One of them always has a contrast of 4.5 or more.
func TextOn(accent string) string {
	c, ok := parseColour(accent)
	if ok && contrast(c, lightPage) < contrast(c, color.RGBA{A: 0xff}) {
		return "#000000"
	}
	return "#ffffff"
}

// Bounds of a logo.
const (
	MaxImage = 256 << 10 // as it is sent
	maxSide  = 1024
	maxLogo  = 1 << 20 // as it is kept
)

// redraw decodes an image within bounds and encodes its pixels as PNG: nothing
// else of the file is kept, so that no script, metadata or second format in it
// ever reaches a browser.
func redraw(file []byte) (out []byte, width, height int, err error) {
	if len(file) > MaxImage {
		return nil, 0, 0, fmt.Errorf("is %d bytes, at most %d are allowed", len(file), MaxImage)
	}
	c, format, err := image.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return nil, 0, 0, errors.New("must be a PNG, JPEG or GIF image")
	}
	if c.Width < 1 || c.Height < 1 || c.Width > maxSide || c.Height > maxSide {
		return nil, 0, 0, fmt.Errorf("is %d × %d pixels, at most %d × %d are allowed", c.Width, c.Height, maxSide, maxSide)
	}
	img, _, err := image.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, 0, 0, fmt.Errorf("is a damaged %s image", format)
	}
	pixels := image.NewNRGBA(image.Rect(0, 0, c.Width, c.Height))
	draw.Draw(pixels, pixels.Bounds(), img, img.Bounds().Min, draw.Src)
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, pixels); err != nil {
		return nil, 0, 0, fmt.Errorf("can't be drawn: %w", err)
	}
	if b.Len() > maxLogo {
		return nil, 0, 0, errors.New("is too detailed: as PNG it would be more than 1 MiB")
	}
	return b.Bytes(), c.Width, c.Height, nil
}
