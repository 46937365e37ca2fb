package match

// MaxParams bounds the number of query parameters.
const MaxParams = 1000

// CheckQuery checks a query (without its "?") that will be forwarded byte for
// byte. It refuses control characters, spaces, "#" and more than MaxParams
// parameters; what a server may make of it otherwise is the server's affair.
func CheckQuery(query string) error {
	if query == "" {
		return nil
	}
	params := 1
	for i := 0; i < len(query); i++ {
		switch c := query[i]; {
		case c <= ' ' || c == 0x7f:
			return &Error{"query", i, "control characters and spaces are not allowed"}
		case c == '#':
			return &Error{"query", i, "a fragment (\"#\") is not allowed"}
		case c == '&':
			if params++; params > MaxParams {
				return &Error{"query", i, "there are more than 1000 parameters"}
			}
		}
	}
	return nil
}
