package differential

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/neardns/neardns/test/differential/api"
	"github.com/neardns/neardns/test/differential/ask"
	"github.com/neardns/neardns/test/differential/peer"
	"github.com/neardns/neardns/test/differential/world"
)

// workers is how many clients ask at a time.
const workers = 16

// patience is how long a server may take to answer.
const patience = 500 * time.Millisecond

// binaries are the two programs.
type binaries struct{ stock, ours string }

// pair is both programs serving one cluster with several option sets, the n-th
// at the n-th port.
type pair struct {
	w           *world.World
	sets        []options
	stock, ours []int
	processes   [2]*peer.Process
}

// serve starts both programs on a cluster, until the test ends.
func serve(t *testing.T, b binaries, w *world.World, sets []options) *pair {
	t.Helper()
	server, err := api.Start(&w.Objects)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	ports, err := peer.Ports(2 * len(sets))
	if err != nil {
		t.Fatal(err)
	}
	p := &pair{w: w, sets: sets, stock: ports[:len(sets)], ours: ports[len(sets):]}
	var both sync.WaitGroup
	errs := make([]error, 2)
	both.Go(func() { p.processes[0], errs[0] = start(t, b.stock, w, corefile(sets, server.URL, p.stock), p.stock) })
	both.Go(func() { p.processes[1], errs[1] = start(t, b.ours, w, corefile(sets, server.URL, p.ours), p.ours) })
	both.Wait()
	for i, name := range []string{"stock", "ours"} {
		if errs[i] != nil {
			t.Fatalf("start %s: %v", name, errs[i])
		}
	}
	return p
}

// start runs one program in a folder with the zone files.
func start(t *testing.T, binary string, w *world.World, corefile string, ports []int) (*peer.Process, error) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"outside.db": w.OutsideZone(), "behind.db": behindZone, "arpa.db": arpaZone,
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			return nil, fmt.Errorf("zone file: %w", err)
		}
	}
	process, err := peer.Start(t.Context(), binary, folder, corefile, ports)
	if err != nil {
		return nil, err
	}
	t.Cleanup(process.Stop)
	return process, nil
}

// compare asks both programs n questions with one option set.
func (p *pair) compare(ctx context.Context, i int, r *rand.Rand, n int, sum *summary) error {
	list := questions(p.w, p.sets[i], r, n)
	view := newView(p.w, p.sets[i])
	next := make(chan ask.Question, workers)
	go func() {
		defer close(next)
		for _, q := range list {
			select {
			case next <- q:
			case <-ctx.Done():
				return
			}
		}
	}()
	var group sync.WaitGroup
	var silence sync.Map
	errs := make([]error, workers)
	for n := range workers {
		group.Go(func() { errs[n] = p.work(i, trial{view: view, silence: &silence}, next, sum) })
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// work asks both programs what comes, in trials like a blank one.
func (p *pair) work(i int, blank trial, next <-chan ask.Question, sum *summary) error {
	stock := ask.NewClient(peer.Address(p.stock[i]), patience)
	defer stock.Close()
	ours := ask.NewClient(peer.Address(p.ours[i]), patience)
	defer ours.Close()
	for q := range next {
		t := blank
		t.q, t.stock, t.ours = q, stock, ours
		verdict, err := t.judge()
		if err != nil {
			for range next { // lets the sender end
			}
			return fmt.Errorf("%w; stock wrote:\n%s\nours wrote:\n%s", err, p.processes[0].Log(), p.processes[1].Log())
		}
		sum.add(&t, verdict)
	}
	return nil
}
