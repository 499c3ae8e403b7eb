package roster

import (
	_ "embed"
	"strings"
)

// The English word list of BIP-39: 2,048 words, sorted, of which no two begin
// with the same four letters. It is the file bip-0039/english.txt of the
// repository bitcoin/bips, byte for byte; its SHA-256 is in the tests. It is
// kept here since the module that used to bring it is gone from its home.
//
//go:embed english.txt
var englishList string

var english = strings.Fields(englishList)
