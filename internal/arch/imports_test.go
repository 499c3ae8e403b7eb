package arch_test

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A rule says what a package may import of this module, and whether it is
// pure: then nothing of impure, but for the exceptions in also.
type rule struct {
	pkg  string // path below the module; "x/..." covers the tree
	pure bool
	may  []string
	also []string
}

// rules is a statement of policy. The last matching rule wins.
//
// DO NOT EDIT THIS TABLE TO FIX A BUILD. Move the code instead.
var rules = []rule{
	{pkg: "wire", pure: true},
	// Types that refuse to be logged have to name the logger.
	{pkg: "internal/secret", pure: true, also: []string{"log/slog"}},
	{pkg: "session", pure: true, may: []string{"wire"}},
	{pkg: "roster", pure: true, may: []string{"wire", "session"}},

	{pkg: "share/...", pure: true, may: []string{"wire", "session", "internal/secret", "roster", "share/..."}},
	{pkg: "share/internal/secp", pure: true, may: []string{"wire", "internal/secret"}, also: []string{"log/slog"}},
	{pkg: "share/internal/ed", pure: true, may: []string{"wire", "internal/secret"}, also: []string{"log/slog"}},
	{pkg: "share/internal/sharetest", may: []string{"wire", "internal/secret", "roster", "share/..."}},
	{pkg: "share/keygen/keygentest", may: []string{"wire", "session", "internal/secret", "roster", "share/keygen"}},

	{pkg: "pairing", pure: true, may: []string{"wire", "session", "internal/secret", "roster"}},
	{pkg: "policy", pure: true, may: []string{"wire", "session", "internal/secret", "roster"}},
	{pkg: "intent", pure: true, may: []string{"wire", "intent/internal/..."}},
	// A kind of request knows what all have in common and what it is made of,
	// never another kind.
	{pkg: "intent/internal/...", pure: true, may: inCommon},
	{pkg: "intent/internal/eip191", pure: true, may: append([]string{"wire", "intent/internal/signin"}, inCommon...)},
	{pkg: "intent/internal/tx", pure: true, may: append([]string{"wire", "intent/internal/calldata"}, inCommon...)},
	{pkg: "intent/internal/typed", pure: true, may: append([]string{"wire", "intent/internal/calldata", "intent/internal/eip712"}, inCommon...)},
	{pkg: "intent/internal/sshsig", pure: true, may: append([]string{"wire"}, inCommon...)},
	{pkg: "change", pure: true, may: []string{"wire", "roster"}},
	{pkg: "recovery", pure: true, may: []string{"wire", "session", "internal/secret", "roster", "share"}},

	// A room of node knows those below it, never node, nor one above or beside it: what
	// it wants of those it says in an interface.
	{pkg: "node", may: with(pure, "journal", "node/...")},
	{pkg: "node/desk", may: with(pure, "node/api", "node/say", "node/inbox", "node/meet", "node/message", "node/standing", "node/judging", "node/drive",
		"node/ledger", "node/cosign", "node/signing", "node/redeal", "node/changes", "node/founding")},
	{pkg: "node/founding", may: with(pure, "journal", "node/say", "node/meet", "node/reach", "node/message", "node/standing", "node/judging",
		"node/drive", "node/ledger")},
	{pkg: "node/changes", may: with(pure, "journal", "node/say", "node/reach", "node/message", "node/standing", "node/judging",
		"node/drive", "node/ledger", "node/redeal")},
	{pkg: "node/redeal", may: with(pure, "journal", "node/message", "node/standing", "node/judging", "node/drive", "node/ledger", "node/cosign")},
	{pkg: "node/signing", may: with(pure, "node/say", "node/message", "node/standing", "node/judging", "node/drive", "node/ledger", "node/cosign")},
	{pkg: "node/ledger", may: with(pure, "journal", "node/say", "node/reach", "node/message", "node/standing", "node/judging", "node/drive")},
	{pkg: "node/cosign", may: with(pure, "node/message", "node/standing", "node/drive")},
	{pkg: "node/drive", may: with(pure, "journal", "node/message", "node/standing")},
	{pkg: "node/judging", may: with(pure, "journal", "node/say", "node/message", "node/standing", "node/vigil")},
	{pkg: "node/standing", may: with(pure, "journal", "node/say", "node/message", "node/reach")},
	{pkg: "node/inbox"},
	{pkg: "node/standing/standingtest", may: []string{"journal/journaltest", "node/standing", "roster", "wire"}},
	{pkg: "node/message", pure: true, may: []string{"wire", "share", "intent"}},
	{pkg: "node/say", pure: true},
	{pkg: "internal/commandline", may: []string{"node/say"}},
	{pkg: "node/vigil", may: []string{"recovery", "roster", "wire"}},
	{pkg: "node/api", may: pure},
	{pkg: "node/meet", may: []string{"node/say", "wire", "roster", "pairing", "node/api", "node/reach"}},
	{pkg: "node/reach", pure: true, may: []string{"wire"}},
	// What the runtime asks of storage, in types that its implementation can
	// name without importing the runtime.
	{pkg: "journal", pure: true},
	{pkg: "journal/journaltest", may: []string{"journal"}},

	// Adapters know the types they carry, never the runtime, never each other.
	{pkg: "internal/p2p", may: []string{"internal/p2p/bind", "internal/p2p/door", "internal/p2p/lan", "internal/p2p/rate", "internal/p2p/stream"}},
	{pkg: "internal/p2p/meet", may: []string{"wire", "pairing", "internal/p2p/bind", "internal/p2p/door", "internal/p2p/lan", "internal/p2p/stream"}},
	{pkg: "internal/p2p/bind", may: []string{"internal/p2p/door", "internal/p2p/lan"}},
	{pkg: "internal/p2p/lan", may: []string{"wire", "pairing", "internal/p2p/rate"}},
	{pkg: "internal/p2p/door"},
	{pkg: "internal/p2p/stream"},
	{pkg: "internal/p2p/rate"},
	{pkg: "internal/boltstore", may: []string{"wire", "internal/secret", "journal"}},
	{pkg: "internal/keeper/...", may: []string{"wire", "internal/secret", "internal/keeper/..."}},

	// A client of the daemons that it starts.
	{pkg: "internal/demo", may: []string{"node/api"}},

	{pkg: "internal/sim", may: []string{"wire", "session"}},
	{pkg: "internal/wycheprooftest"},
	{pkg: "internal/arch"},
	{pkg: "cmd/...", may: []string{"..."}},
	{pkg: "e2e"}, // tests only
	{pkg: "internal/model"},
}

// pure are the packages without an outside world.
var pure = []string{"wire", "session", "internal/secret", "roster", "share", "share/keygen", "share/sign", "share/frost",
	"share/refresh", "pairing", "policy", "intent", "change", "recovery"}

// with is a list of packages and more of them.
func with(list []string, more ...string) []string { return slices.Concat(list, more) }

// inCommon is what all kinds of requests are read and told with.
var inCommon = []string{"intent/internal/request", "intent/internal/text", "intent/internal/strictjson", "intent/internal/eth", "intent/internal/words"}

// impure is what a pure package may not import: everything through which time,
// chance, other goroutines or the outside world could change its behaviour.
var impure = []string{"context", "crypto/rand", "database/...", "io/fs", "log/...", "math/rand/...", "net/...", "os/...",
	"plugin", "runtime/...", "sync/...", "syscall/...", "testing/...", "time", "unsafe"}

// only lists libraries that belong to one place, so that replacing one means
// opening one package, and so that arithmetic in variable time stays where
// nothing is secret.
var only = []struct {
	lib string
	in  []string
}{
	{"github.com/libp2p/...", []string{"internal/p2p/..."}},
	{"github.com/multiformats/...", []string{"internal/p2p/..."}},
	{"go.etcd.io/bbolt/...", []string{"internal/boltstore"}},
	{"github.com/fxamacker/cbor/...", []string{"wire"}},
	{"github.com/spf13/cobra/...", []string{"cmd/..."}},
	{"github.com/ethereum/go-ethereum/...", []string{"intent/...", "cmd/..."}},
	{"gitlab.com/yawning/...", []string{"share/internal/secp"}},
	{"filippo.io/edwards25519/...", []string{"share/internal/..."}},
	{"github.com/gtank/ristretto255/...", []string{"pairing"}},
	// Verifies what we signed, and nothing else: it is not constant time.
	{"github.com/decred/...", []string{"share", "share/sign", "share/refresh"}},
}

// TestImports checks the table against every file that is not a test.
func TestImports(t *testing.T) {
	t.Parallel()
	used := make([]bool, len(rules))
	for _, f := range sources(t) {
		r := -1
		for i, rule := range rules {
			if match(rule.pkg, f.pkg) {
				r = i
			}
		}
		if r < 0 {
			t.Errorf("%s: package %s has no rule: decide where it sits", f.name, f.pkg)
			continue
		}
		used[r] = true
		for _, spec := range f.ast.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if imp == "unsafe" || imp == "C" {
				t.Errorf("%s: nobody imports %s", f.name, imp)
			}
			if !f.test {
				checkImport(t, f, rules[r], imp)
			}
		}
	}
	for i, r := range rules {
		if !used[i] {
			t.Errorf("the rule for %s matches nothing", r.pkg)
		}
	}
}

func checkImport(t *testing.T, f file, r rule, imp string) {
	t.Helper()
	if own, ok := strings.CutPrefix(imp, module+"/"); ok {
		if !matchAny(r.may, own) {
			t.Errorf("%s: %s may not import %s", f.name, f.pkg, own)
		}
		if testOnly(own) && !testOnly(f.pkg) {
			t.Errorf("%s: only tests import %s", f.name, own)
		}
		return
	}
	if r.pure && matchAny(impure, imp) && !matchAny(r.also, imp) {
		t.Errorf("%s: %s is pure and may not import %s", f.name, f.pkg, imp)
	}
	if imp == "testing" && !testOnly(f.pkg) {
		t.Errorf("%s: only packages for tests import testing", f.name)
	}
	if match("share/...", f.pkg) && (imp == "math/big" || imp == "encoding/json") {
		t.Errorf("%s: %s touches secrets and may not import %s", f.name, f.pkg, imp)
	}
	for _, o := range only {
		if match(o.lib, imp) && !matchAny(o.in, f.pkg) {
			t.Errorf("%s: %s may not import %s, which belongs to %s", f.name, f.pkg, imp, strings.Join(o.in, ", "))
		}
	}
}

// testOnly reports whether a package is there for the tests of others.
func testOnly(pkg string) bool {
	return pkg == "internal/sim" || strings.HasSuffix(path.Base(pkg), "test")
}
