package differential

import "github.com/neardns/neardns/test/differential/world"

type view struct {
	w *world.World
	o options
}

func newView(w *world.World, o options) *view { return &view{w, o} }

func explain(t *trial) (string, error) { return "", nil }
