package corefile

import (
	"slices"

	"github.com/neardns/neardns/internal/wire"
)

// unasked notes what in the block has no effect: all of it where nothing in it answers, and
// forwards whose names all go to one that stands before.
func (b *Block) unasked() (notes []Note) {
	if len(b.Forwards) == 0 && b.Hosts == nil && len(b.IPv4Only) == 0 {
		notes = append(notes, Note{b.Pos, "nothing in the block answers, expected forward or hosts; its names get SERVFAIL"})
	}
	for i, f := range b.Forwards {
		if asked := f.within(b); len(asked) > 0 && !slices.ContainsFunc(asked, f.takes) {
			notes = append(notes, Note{f.Pos, "forward: it is never asked: except has all of its names"})
		}
		if j := slices.IndexFunc(b.Forwards[:i], f.behind); j >= 0 {
			notes = append(notes, Note{f.Pos, "forward: it is never asked: its names go to the one at " + b.Forwards[j].Pos.String()})
		}
	}
	return notes
}

// takes reports whether f is asked for names of a zone that it is asked of.
func (f *Forward) takes(zone wire.Name) bool { return !slices.ContainsFunc(f.Except, zone.Below) }

// behind reports whether all names of f go to first, which hands none on.
func (f *Forward) behind(first *Forward) bool {
	return f.From.Below(first.From) && len(first.Except) == 0 && len(first.Next) == 0 && !first.NextOnNodata
}
