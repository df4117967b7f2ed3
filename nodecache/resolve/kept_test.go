package resolve

import (
	"testing"
	"testing/synctest"

	"github.com/neardns/neardns/internal/wire"
)

// TestKept keeps what the cache is for: names of its zones, but for those of `disable success`
// and `disable denial`, and, with `servfail 0`, no SERVFAIL.
func TestKept(t *testing.T) {
	for what, tt := range map[string]struct {
		edit                     func(*Block)
		success, denial, failure bool
	}{
		"all":             {func(*Block) {}, true, true, true},
		"other zones":     {func(b *Block) { b.Kept = []wire.Name{name(t, "org.")} }, false, false, true},
		"disable success": {func(b *Block) { b.NoSuccess = []wire.Name{name(t, "example.")} }, false, true, true},
		"disable denial":  {func(b *Block) { b.NoDenial = []wire.Name{name(t, "example.")} }, true, false, true},
		"of other zones": {func(b *Block) {
			b.NoSuccess, b.NoDenial = []wire.Name{name(t, "org.")}, []wire.Name{name(t, "a.example.")}
		}, true, true, true},
		"servfail 0": {func(b *Block) { b.Policy.ServFail.First, b.Policy.ServFail.Max = 0, 0 }, true, true, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, tt.edit)
			r.up.say("a.example. A", "a.example. 60 A 10.0.0.1")
			r.up.say("bad.example. A", "SERVFAIL")
			for words, kept := range map[string]bool{"a.example.": tt.success, "nx.example.": tt.denial, "bad.example.": tt.failure} {
				first, second := r.ask(words), r.ask(words)
				if asked := len(r.up.take()); (asked == 1) != kept || first != second {
					t.Errorf("%s: %s, then %s, asked %d times; kept should be %v", what, first, second, asked, kept)
				}
			}
		})
	}
}
