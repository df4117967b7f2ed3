package differential

import (
	"fmt"
	"strings"
	"sync"

	"github.com/neardns/neardns/test/differential/ask"
)

// tries is how often stock is asked again: where several of its answers are
// right, it picks one at random.
const tries = 300

// trial is one question to both programs.
type trial struct {
	view        *view
	silence     *sync.Map
	q           ask.Question
	stock, ours *ask.Client
	chain       *ask.Client // of ours with express off; nil if only the two are compared

	theirs, own ask.Answer
}

// The verdicts of a trial; any other is the name of the rule that explains it.
const (
	same      = ""
	random    = "stock picks at random"
	different = "different"
	laneOnly  = "other than with express off"
)

// judge asks both and compares.
func (t *trial) judge() (string, error) {
	var err error
	if t.theirs, err = t.askStock(); err != nil {
		return "", err
	}
	if t.own, err = t.ours.Ask(t.q); err != nil {
		return "", fmt.Errorf("ours: %w", err)
	}
	if *selfFlag {
		t.own = t.own.Unique()
		if t.own.Silent {
			t.theirs = t.own
		}
	}
	if ok, err := t.asChain(); !ok || err != nil {
		return laneOnly, err
	}
	agree, err := t.agree(t.theirs, t.stock)
	if agree || err != nil {
		return same, err
	}
	// A rule is asked first, as most differences have one, and as waiting for
	// another answer from stock is slow.
	if rule, err := explain(t); rule != "" || err != nil {
		return rule, err
	}
	for range tries {
		again, err := t.askStock()
		if err != nil {
			return "", err
		}
		if agree, err := t.agree(again, t.stock); agree || err != nil {
			return random, err
		}
		if again.Silent {
			break
		}
	}
	return different, nil
}

// askStock asks stock, but not for what it was silent about before, as waiting
// takes long.
func (t *trial) askStock() (ask.Answer, error) {
	key := silent{strings.ToLower(t.q.Name), t.q.Type}
	if _, known := t.silence.Load(key); known {
		return ask.Answer{Silent: true}, nil
	}
	a, err := t.stock.Ask(t.q)
	if err != nil {
		return a, fmt.Errorf("stock: %w", err)
	}
	if a.Silent {
		t.silence.Store(key, true)
	}
	return a, nil
}

// silent is a question that stock does not answer.
type silent struct {
	name string
	kind uint16
}

// agree tells whether an answer is ours. Of those that were cut short each holds
// what fits, so ours has to be part of the whole answer, which from is asked for.
func (t *trial) agree(theirs ask.Answer, from *ask.Client) (bool, error) {
	if !theirs.Truncated() || !t.own.Truncated() || !theirs.SameHeader(t.own) {
		return theirs.Unique().Equal(t.own), nil
	}
	whole := t.q
	whole.TCP = true
	full, err := from.Ask(whole)
	if err != nil {
		return false, fmt.Errorf("over TCP: %w", err)
	}
	return t.own.Within(full), nil
}
