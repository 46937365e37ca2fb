package quality

import "github.com/tollgate/tollgate/gateway-edge/policy"

// Most is the weight of what no "q" is given for.
const Most = 1000

// Weight reads "q" among the parameters behind a coding or a range, in
// thousandths: Most without one, 0 for one that is malformed.
func Weight(params policy.Text) int {
	for more := !params.Empty(); more; {
		var p policy.Text
		p, params, more = params.Cut(';')
		name, v, _ := p.Trim().Cut('=')
		if name.Trim().Fold("q") {
			return thousandths(v.Trim())
		}
	}
	return Most
}

// thousandths reads "0", "0.25", "1.000".
func thousandths(v policy.Text) int {
	whole, frac, _ := v.Cut('.')
	if !whole.Is("0") && !whole.Is("1") || frac.Len() > 3 {
		return 0
	}
	n, unit := 0, 100
	for i := range frac.Len() {
		d := frac.At(i)
		if d < '0' || d > '9' {
			return 0
		}
		n += int(d-'0') * unit
		unit /= 10
	}
	if whole.Is("1") {
		return Most
	}
	return n
}
