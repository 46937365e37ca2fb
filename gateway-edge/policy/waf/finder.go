package waf

// finder looks for many words in a text at once. A table of bits over three
// characters skips nearly every place without a look into a map.
type finder struct {
	bits  [1 << 12]uint64
	words map[[3]byte][]found
	short map[[2]byte][]found // words of two characters
}

// found is a word and the check that it calls for.
type found struct {
	word  string
	check int // index of a check; -1: the word alone settles it
}

func newFinder() *finder {
	return &finder{words: map[[3]byte][]found{}, short: map[[2]byte][]found{}}
}

func place(a, b, c byte) uint32 {
	return (uint32(a)*0x9E3779B1 ^ uint32(b)*0x85EBCA6B ^ uint32(c)*0xC2B2AE35) >> 14
}

// add takes a word of at least two characters.
func (f *finder) add(word string, check int) {
	if len(word) == 2 {
		k := [2]byte{word[0], word[1]}
		f.short[k] = append(f.short[k], found{word, check})
		return
	}
	k := [3]byte{word[0], word[1], word[2]}
	p := place(k[0], k[1], k[2])
	f.bits[p>>6] |= 1 << (p & 63)
	f.words[k] = append(f.words[k], found{word, check})
}

// each calls hit for every word that stands in the text until it returns true.
func (f *finder) each(text string, hit func(check int) bool) bool {
	if len(f.short) > 0 {
		for i := 0; i+2 <= len(text); i++ {
			for _, w := range f.short[[2]byte{text[i], text[i+1]}] {
				if hit(w.check) {
					return true
				}
			}
		}
	}
	for i := 0; i+3 <= len(text); i++ {
		p := place(text[i], text[i+1], text[i+2])
		if f.bits[p>>6]&(1<<(p&63)) == 0 {
			continue
		}
		for _, w := range f.words[[3]byte{text[i], text[i+1], text[i+2]}] {
			if len(text)-i >= len(w.word) && text[i:i+len(w.word)] == w.word && hit(w.check) {
				return true
			}
		}
	}
	return false
}
