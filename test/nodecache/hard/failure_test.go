package hard

import (
	"fmt"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
)

// TestTimeoutKept has a silent server. A client that asks again within a second gets its answer at
// once, and the server is not asked (RFC 9520, section 3.2).
func TestTimeoutKept(t *testing.T) {
	for _, proto := range []string{"udp", "tcp"} {
		t.Run(proto, func(t *testing.T) {
			f := newServer(t)
			f.Do(testkit.Silent)
			n := start(t, block(".", proto, f))
			const name = "silence.example.org."
			first := overUDP.ask(n.addr, name)
			ended := time.Now()
			if !first.failed() || first.took > longest+slack {
				t.Fatalf("first: %v", first)
			}
			asked, repeats := f.Asked(name), 0
			for ; time.Since(ended) < 800*time.Millisecond; repeats++ {
				a := []client{overUDP, overTCP}[repeats%2].ask(n.addr, name)
				if time.Since(ended) >= time.Second { // a busy machine
					break
				}
				if !a.failed() || a.took > 500*time.Millisecond || a.extended() != int(dns.ExtendedErrorCodeCachedError) {
					t.Errorf("repeat %d: %v", repeats, a)
				}
				if now := f.Asked(name); now != asked {
					t.Errorf("repeat %d: the server was asked %d times more", repeats, now-asked)
				}
				time.Sleep(20 * time.Millisecond) // this pace is the load
			}
			if repeats < 3 {
				t.Errorf("only %d repeats", repeats)
			}
			// Nothing shows that the failure is forgotten but a query, which starts another one.
			time.Sleep(time.Until(ended.Add(1100 * time.Millisecond)))
			if a := overUDP.ask(n.addr, name); !a.failed() || f.Asked(name) == asked {
				t.Errorf("a second later: %v; the server was not asked again", a)
			}
		})
	}
}

// TestSuccessClears has names fail while a server is silent. A failure is kept for a second, but
// the server's first answer to any other name ends that at once.
func TestSuccessClears(t *testing.T) {
	f := newServer(t)
	n := start(t, block(".", "tcp", f))
	for round := range 5 {
		f.Do(testkit.Silent)
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
		f.Do(answers)
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

// TestRefusedKept has a server refuse a name. It is asked for the name once a second, and clients
// get the code that it gave (RFC 9520, sections 2.2, 2.7, 3.2).
func TestRefusedKept(t *testing.T) {
	for _, code := range []wire.Rcode{wire.Refused, wire.FormError, wire.NotImpl, 9} { // 9 is NOTAUTH
		for _, proto := range []string{"udp", "tcp"} {
			t.Run(fmt.Sprint(code, " ", proto), func(t *testing.T) {
				f := newServer(t)
				f.Do(says(code))
				n := start(t, block(".", proto, f))
				began := time.Now()
				for i := range 30 {
					if a := []client{overUDP, overTCP}[i%2].ask(n.addr, "refused.example.org."); a.err != nil || a.Rcode != int(code) {
						t.Errorf("%v", a)
					}
				}
				seconds := int(time.Since(began)/time.Second) + 1
				if asked := f.Asked("refused.example.org."); asked < 1 || asked > 2*seconds { // with and without an OPT record
					t.Errorf("asked %d times in %d s", asked, seconds)
				}
			})
		}
	}
}

// TestServFailEnds has a server answer SERVFAIL to a name that a client asks for all the time. Once
// the server answers, the client gets the answer within 5 s: a SERVFAIL is kept no longer.
func TestServFailEnds(t *testing.T) {
	f := newServer(t)
	f.Do(says(wire.ServFail))
	n := start(t, block(".", "tcp", f))
	const name = "fails.example.org."
	// The longer it fails, the longer a failure is kept: after 9 s for as long as it may be.
	for began := time.Now(); time.Since(began) < 9*time.Second; time.Sleep(100 * time.Millisecond) {
		if a := overUDP.ask(n.addr, name); !a.failed() {
			t.Fatal(a)
		}
	}
	f.Do(answers)
	took := testkit.Within(t, 5*time.Second+slack, "it is right again", func() bool { return overUDP.ask(n.addr, name).right() })
	t.Logf("right again after %v", took)
}
