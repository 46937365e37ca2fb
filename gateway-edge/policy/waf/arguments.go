package waf

import (
	"strconv"

	"github.com/corazawaf/coraza/v3/types"
	"github.com/tidwall/gjson"
)

// flatten hands the values of a JSON text to the rules under the names that
// Coraza's own JSON reader gives them: "json.a.0.b" for a value, and for an array
// the number of its values. It leaves out what is plain, name and value both.
// False: there are more than are looked at.
type flatten struct {
	tx    types.Transaction
	f     *filter
	key   []byte
	added int
	left  int // names and values left out
}

func (w *flatten) walk(v gjson.Result) bool {
	length, well := 0, true
	v.ForEach(func(name, value gjson.Result) bool {
		was := len(w.key)
		w.key = append(w.key, '.')
		if name.Type == gjson.String {
			w.key = append(w.key, name.Str...)
		} else {
			w.key = strconv.AppendInt(w.key, int64(name.Num), 10)
			length++
		}
		switch value.Type {
		case gjson.JSON:
			well = w.walk(value)
		case gjson.String:
			well = w.put(value.Str)
		case gjson.Null:
			well = w.put("")
		default:
			well = w.put(value.Raw)
		}
		w.key = w.key[:was]
		return well
	})
	if length > 0 && well {
		well = w.put(strconv.Itoa(length))
	}
	return well
}

// put hands one value over, unless it is plain.
func (w *flatten) put(value string) bool {
	name := string(w.key)
	if w.f.plain(name) && w.f.plain(value) {
		w.left++
		return true
	}
	if w.added++; w.added > maxArgument {
		return false
	}
	w.tx.AddPostRequestArgument(name, value)
	return true
}
