package differential

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/neardns/neardns/test/differential/world"
	"github.com/neardns/neardns/test/nodecache/run"
)

// Each run asks perSet questions about each of clusters with every option set.
const (
	clusters = 1
	perSet   = 3000
)

var (
	seedFlag = flag.Uint64("seed", 0, "seed of the random clusters and questions; 0 is $NEARDNS_SEED or the time")
	selfFlag = flag.Bool("self", false, "compare stock with itself, to test the test")
)

// TestDifferential asks both programs about random clusters.
func TestDifferential(t *testing.T) {
	seed := chooseSeed(t)
	fmt.Printf("differential: seed %d\n", seed)
	b := build(t)
	local, err := world.Local()
	if err != nil {
		t.Fatal(err)
	}
	sum, lanes := newSummary(), new(laneCount)
	for number := range uint64(clusters) {
		t.Run(fmt.Sprint(number), func(t *testing.T) {
			w := world.New(seed, number, local)
			p := serve(t, b, w, optionSets(w))
			for i := range p.sets {
				list := questions(w, p.sets[i], rand.New(rand.NewPCG(seed, number<<32|uint64(i))), perSet)
				before := p.lane.outcomes()
				if err := p.compare(t.Context(), i, list, sum); err != nil {
					t.Fatalf("%s: %v", p.sets[i].name, err)
				}
				if !*selfFlag {
					lanes.add(t, p.sets[i].name, len(list), since(before, p.lane.outcomes()))
				}
			}
			if n := p.noLane.outcomes()["answered"]; n > 0 && !*selfFlag {
				t.Errorf("with express off, the lane answered %d questions", n)
			}
		})
	}
	if !*selfFlag {
		lanes.report(t)
	}
	if *selfFlag {
		sum.histogram()
	}
	sum.report(t, seed)
	if sum.questions < 100000 || sum.positive*10 < sum.questions {
		t.Fatalf("%d questions, %d of them with records in the answer: too few to prove anything", sum.questions, sum.positive)
	}
}

func build(t *testing.T) binaries {
	t.Helper()
	stock, err := run.Build(t.Context(), run.StockCoreDNS)
	if err != nil {
		t.Fatal(err)
	}
	if *selfFlag {
		return binaries{stock, stock}
	}
	ours, err := run.Build(t.Context(), run.OurCoreDNS)
	if err != nil {
		t.Fatal(err)
	}
	return binaries{stock, ours}
}

func chooseSeed(t *testing.T) uint64 {
	t.Helper()
	if *seedFlag != 0 {
		return *seedFlag
	}
	if text := os.Getenv("NEARDNS_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("NEARDNS_SEED: %v", err)
		}
		return seed
	}
	return uint64(time.Now().Unix())
}
