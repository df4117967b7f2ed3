package wire

import (
	"bytes"
	"testing"

	"github.com/miekg/dns"
)

func TestRotate(t *testing.T) {
	m := Message(rich(t))
	run := m.AddressRun()
	if run.Count != 3 || run.Size != 16 {
		t.Fatalf("%+v", run)
	}
	want := []string{"123", "231", "312"}
	for turn := range 7 {
		c := Message(bytes.Clone(m))
		c.Rotate(run, turn-2)
		got := ""
		for _, r := range unpack(t, c).Answer[1:] {
			got += r.(*dns.A).A.String()[len("10.0.0."):]
		}
		if got != want[(turn+1)%3] {
			t.Errorf("turn %d: %s", turn-2, got)
		}
	}
	m.Rotate(Run{Start: 5, Size: 100, Count: 100}, 1) // a run of some other message
	m.Rotate(Run{}, 1)
}

// TestAddressRun finds the set that may be turned, and none where order matters or there is
// nothing to turn.
func TestAddressRun(t *testing.T) {
	for _, tt := range []struct {
		answer []string
		want   int
	}{
		{nil, 0},
		{[]string{"a. 1 A 10.0.0.1"}, 0},
		{[]string{"a. 1 A 10.0.0.1", "a. 1 A 10.0.0.2"}, 2},
		{[]string{"a. 1 AAAA fd00::1", "a. 1 AAAA fd00::2"}, 2},
		{[]string{"a. 1 A 10.0.0.1", "b. 1 A 10.0.0.2"}, 0},
		{[]string{"a. 1 A 10.0.0.1", "a. 1 AAAA fd00::2"}, 0},
		{[]string{"a. 1 SRV 0 0 1 b.", "a. 1 SRV 0 0 1 c."}, 0},
		{[]string{"a. 1 A 10.0.0.1", "b. 1 A 10.0.0.2", "b. 1 A 10.0.0.3", "b. 1 TXT x", "b. 1 A 10.0.0.4"}, 2},
	} {
		m := reply(t, question("a.", dns.TypeA), tt.answer...)
		m.Ns = rrs(t, "n. 1 A 10.0.0.8", "n. 1 A 10.0.0.9")
		if run := Message(pack(t, m)).AddressRun(); run.Count != tt.want {
			t.Errorf("%v: %+v, want %d", tt.answer, run, tt.want)
		}
	}
}
