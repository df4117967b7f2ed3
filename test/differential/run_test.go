package differential

import (
	"context"
	"net/netip"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/differential/api"
	"github.com/neardns/neardns/test/differential/ask"
	"github.com/neardns/neardns/test/differential/world"
	"github.com/neardns/neardns/test/nodecache/run"
)

// workers is how many clients ask at a time.
const workers = 16

// patience is how long a server may take to answer.
const patience = 500 * time.Millisecond

// binaries are the two programs.
type binaries struct{ stock, ours string }

// pair is both programs serving one cluster with several option sets, each set at a port of
// its own. Ours runs twice: the second time with express off, so that CoreDNS's chain answers.
type pair struct {
	w                  *world.World
	sets               []options
	stock, ours, chain []uint16
	lane, noLane       gauge // of ours, with and without
}

// serve starts both programs on a cluster, until the test ends.
func serve(t *testing.T, b binaries, w *world.World, sets []options) *pair {
	t.Helper()
	server, err := api.Start(&w.Objects)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	n := len(sets)
	ports := freePorts(t, 3*n+2)
	p := &pair{w: w, sets: sets, stock: ports[:n], ours: ports[n : 2*n], chain: ports[2*n : 3*n]}
	p.lane, p.noLane = gauge{t, address(ports[3*n])}, gauge{t, address(ports[3*n+1])}
	stock := start(t, b.stock, folder(t, w, corefile(sets, server.URL, p.stock)))
	ours := start(t, b.ours, folder(t, w, corefile(sets, server.URL, p.ours)+metrics(p.lane.at)))
	chain := start(t, b.ours, folder(t, w, corefile(expressOff(sets), server.URL, p.chain)+metrics(p.noLane.at)))
	for i := range sets { // a program listens only once it has all objects
		stock.Answers(address(p.stock[i]))
		ours.Answers(address(p.ours[i]))
		chain.Answers(address(p.chain[i]))
	}
	return p
}

// folder returns a folder with a Corefile and the zone files.
func folder(t *testing.T, w *world.World, corefile string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range map[string]string{
		"Corefile": corefile, "outside.db": w.OutsideZone(), "behind.db": behindZone, "arpa.db": arpaZone,
	} {
		run.Write(t, folder, name, text)
	}
	return folder
}

// start starts a program in a folder that has a Corefile.
func start(t *testing.T, binary, folder string) *run.Process {
	t.Helper()
	return run.Start(t, exec.Command(binary, "-conf", "Corefile", "-quiet"), folder)
}

func freePorts(t *testing.T, n int) []uint16 {
	t.Helper()
	ports, err := testkit.FreePorts(n)
	if err != nil {
		t.Fatal(err)
	}
	return ports
}

func address(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
}

// compare asks both programs a list of questions with one option set.
func (p *pair) compare(ctx context.Context, i int, list []ask.Question, sum *summary) error {
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
	stock := ask.NewClient(address(p.stock[i]), patience)
	defer stock.Close()
	ours := ask.NewClient(address(p.ours[i]), patience)
	defer ours.Close()
	chain := ask.NewClient(address(p.chain[i]), patience)
	defer chain.Close()
	for q := range next {
		t := blank
		t.q, t.stock, t.ours, t.chain = q, stock, ours, chain
		verdict, err := t.judge()
		if err != nil {
			for range next { // lets the sender end
			}
			return err
		}
		sum.add(&t, verdict)
	}
	return nil
}
