package wire

import (
	"bytes"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestParseName(t *testing.T) {
	for text, want := range map[string]string{
		".":                 "\x00",
		"a":                 "\x01a\x00",
		"a.":                "\x01a\x00",
		"Ab.c.":             "\x02Ab\x01c\x00",
		`a\.b.c`:            "\x03a.b\x01c\x00",
		`\000\255.`:         "\x02\x00\xff\x00",
		`\\.`:               "\x01\\\x00",
		"svc.cluster.local": "\x03svc\x07cluster\x05local\x00",
	} {
		if got, err := ParseName(text); err != nil || string(got) != want || !got.Valid() {
			t.Errorf("%s: %q, %v; want %q", text, got, err, want)
		}
	}
	long := strings.Repeat("a", 63)
	for _, text := range []string{"", "..", "a..b", ".a", "a..", `\`, `a\1`, `\12`, `\256`, `\1a2`, long + "a",
		strings.Repeat(long+".", 4)} {
		if got, err := ParseName(text); err == nil {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// TestNameText writes every byte as our peers do.
func TestNameText(t *testing.T) {
	for c := range 256 {
		n := Name{2, byte(c), 'x', 0}
		want, _, err := dns.UnpackDomainName(n, 0)
		if got := n.String(); err != nil || got != want {
			t.Errorf("%d: %s, want %s, %v", c, got, want, err)
		}
		if back, err := ParseName(n.String()); err != nil || !bytes.Equal(back, n) {
			t.Errorf("%d: %q comes back as %q, %v", c, n, back, err)
		}
	}
}

func TestNameRelations(t *testing.T) {
	n := name(t, "Pod.Team-1.svc.cluster.local.")
	if n.Labels() != 5 || string(n.Label()) != "Pod" || n.Parent().String() != "Team-1.svc.cluster.local." {
		t.Errorf("%d %s %s", n.Labels(), n.Label(), n.Parent())
	}
	root := name(t, ".")
	if root.Labels() != 0 || len(root.Label()) != 0 || !root.Parent().IsRoot() {
		t.Error("the root has parts")
	}
	for zone, want := range map[string]bool{
		".": true, "local.": true, "CLUSTER.local.": true, "pod.team-1.svc.cluster.local.": true,
		"x.pod.team-1.svc.cluster.local.": false, "uster.local.": false, "team.svc.cluster.local.": false,
	} {
		if n.Below(name(t, zone)) != want {
			t.Errorf("below %s: %v", zone, !want)
		}
	}
	if !n.Equal(name(t, "pOD.tEAM-1.SVC.CLUSTER.LOCAL")) || n.Equal(n.Parent()) {
		t.Error("Equal")
	}
	if got := Name(n.AppendLower(nil)).String(); got != "pod.team-1.svc.cluster.local." {
		t.Error(got)
	}
}

// TestLower folds ASCII letters and nothing else (RFC 4343, section 3), wherever they stand
// in a word of eight.
func TestLower(t *testing.T) {
	for c := range 256 {
		for at := range 11 {
			b := bytes.Repeat([]byte{'Z'}, 11)
			b[at] = byte(c)
			want := bytes.Repeat([]byte{'z'}, 11)
			if want[at] = byte(c); c >= 'A' && c <= 'Z' {
				want[at] += 'a' - 'A'
			}
			if !equalFold(b, want) {
				t.Errorf("%d at %d is not equal", c, at)
			}
			if lower(b); !bytes.Equal(b, want) {
				t.Errorf("%d at %d: %q", c, at, b)
			}
			other := bytes.Clone(want)
			if other[at] ^= 0x80; equalFold(b, other) {
				t.Errorf("%d at %d is equal to %d", c, at, other[at])
			}
		}
	}
}

// TestBadNames gives the methods bytes that are no names.
func TestBadNames(t *testing.T) {
	for _, n := range []Name{nil, {5}, {5, 'a'}, {1, 'a'}, {0xC0, 12}, {255, 1, 2}, {1, 'a', 9}} {
		n.Label()
		n.Parent()
		n.Labels()
		_ = n.String()
		n.Below(Name{0})
		if n.Valid() {
			t.Errorf("%q is valid", n)
		}
	}
}

func TestCompression(t *testing.T) {
	msg := make([]byte, 12, 64)
	msg = append(msg, "\x03www\x07Example\x00"...)     // at 12, example at 16
	msg = append(msg, "\x01a\xc0\x10"...)              // at 25
	msg = append(msg, "\xc0\x19"...)                   // at 29: a pointer to a name with a pointer
	msg = append(msg, "\xc0\x1f"...)                   // at 31: to itself
	msg = append(msg, "\xc0\x23\xc0\x21"...)           // at 33: forward, and back
	msg = append(msg, "\x01b\xc0\x25"...)              // at 37: to the name it ends
	msg = append(msg, "\xc0\x02\x80\x00\x05ab\xc0"...) // at 41: into the header; reserved; over the end
	for off, want := range map[int]string{12: "www.Example.", 16: "Example.", 25: "a.Example.", 29: "a.Example."} {
		n, next, ok := AppendName(nil, msg, off)
		if !ok || Name(n).String() != want {
			t.Errorf("%d: %s, want %s", off, Name(n), want)
		}
		if skipped, ok := skipName(msg, off); !ok || skipped != next {
			t.Errorf("%d: behind it is %d, or %d", off, next, skipped)
		}
		if !equalAt(msg, off, name(t, strings.ToUpper(want))) || equalAt(msg, off, name(t, "x."+want)) || equalAt(msg, off, n[:len(n)-1]) {
			t.Errorf("%d: equalAt", off)
		}
	}
	for _, off := range []int{31, 33, 37, 41, 43, 45, 48, 1000, -1} {
		if n, _, ok := AppendName(nil, msg, off); ok || len(n) > 0 {
			t.Errorf("%d: %q", off, n)
		}
		if off >= 0 && equalAt(msg, off, name(t, "www.example.")) {
			t.Errorf("%d: equal", off)
		}
	}
}

// TestPointerChain gives up on a chain that is longer than a name has labels.
func TestPointerChain(t *testing.T) {
	msg := append(make([]byte, HeaderLen), 0, 0)
	for off := HeaderLen; off < 4000; off += 2 {
		msg = append(msg, 0xC0|byte(off>>8), byte(off))
	}
	if _, _, ok := AppendName(nil, msg, len(msg)-2); ok {
		t.Error("2,000 pointers were followed")
	}
	if equalAt(msg, len(msg)-2, Name{0}) {
		t.Error("2,000 pointers were followed")
	}
}
