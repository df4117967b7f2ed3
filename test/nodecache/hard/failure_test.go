package hard

import (
	"fmt"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestTimeoutKept has a server say nothing: who asks again within a second waits for nothing,
// and nothing is asked (RFC 9520, section 3.2).
func TestTimeoutKept(t *testing.T) {
	for _, proto := range []string{"udp", "tcp"} {
		t.Run(proto, func(t *testing.T) {
			f := newFake(t)
			f.does(silent)
			n := start(t, block(".", proto, f))
			const name = "silence.example.org."
			first := overUDP.ask(n.addr, name)
			ended := time.Now()
			if !first.failed() || first.took > longest+slack {
				t.Fatalf("first: %v", first)
			}
			asked, repeats := f.timesAsked(name), 0
			for ; time.Since(ended) < 800*time.Millisecond; repeats++ {
				a := []client{overUDP, overTCP}[repeats%2].ask(n.addr, name)
				if time.Since(ended) >= time.Second { // a busy machine
					break
				}
				if !a.failed() || a.took > 200*time.Millisecond || a.extended() != int(dns.ExtendedErrorCodeCachedError) {
					t.Errorf("repeat %d: %v", repeats, a)
				}
				if now := f.timesAsked(name); now != asked {
					t.Errorf("repeat %d: the server was asked %d times more", repeats, now-asked)
				}
				time.Sleep(20 * time.Millisecond)
			}
			if repeats < 3 {
				t.Errorf("only %d repeats", repeats)
			}
			time.Sleep(time.Until(ended.Add(1100 * time.Millisecond)))
			if a := overUDP.ask(n.addr, name); !a.failed() || f.timesAsked(name) == asked {
				t.Errorf("a second later: %v; the server was not asked again", a)
			}
		})
	}
}

// TestSuccessClears has names fail while a server is silent. Its first answer to any other
// name lets them be asked again at once, though a failure would stand for a second.
func TestSuccessClears(t *testing.T) {
	f := newFake(t)
	n := start(t, block(".", "tcp", f))
	for round := range 5 {
		f.does(silent)
		var names []string
		for i := range 10 {
			names = append(names, fmt.Sprintf("fails-%d-%d.example.org.", round, i))
		}
		for i, a := range all(n.addr, names) {
			if !a.failed() {
				t.Fatalf("%s: %v", names[i], a)
			}
		}
		failed := time.Now()
		f.does(answers)
		if a := overUDP.ask(n.addr, fmt.Sprintf("other-%d.example.org.", round)); !a.right() {
			t.Errorf("the first name after: %v", a)
		}
		got := all(n.addr, names)
		soon := time.Since(failed) < time.Second
		for i, a := range got {
			if !a.right() {
				t.Errorf("%s after the first success: %v", names[i], a)
			}
		}
		if soon {
			return
		}
	}
	t.Error("the machine is too busy to tell")
}
