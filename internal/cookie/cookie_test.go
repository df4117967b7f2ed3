package cookie

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"testing"
	"time"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func maker(t testing.TB, secret string) *Maker {
	t.Helper()
	return New([16]byte(unhex(t, secret)))
}

// vectors are the examples of RFC 9018, appendix A: the cookie received, when it was made and with
// which secret, and the cookie sent.
var vectors = []struct {
	name          string
	remote        string
	oldSecret     string
	received      string
	made          int64 // 0 where the client has no server cookie yet
	secret        string
	now           int64
	sent          string
	validOnReturn bool
}{
	{
		"A.1 learning a new server cookie", "198.51.100.100",
		"e5e973e5a6b2a43f48e7dc849e37bfcf", "2464c4abcf10c957", 0,
		"e5e973e5a6b2a43f48e7dc849e37bfcf", 1559731985, "2464c4abcf10c957010000005cf79f111f8130c3eee29480", false,
	},
	{
		"A.2 the same client learning a renewed server cookie", "198.51.100.100",
		"e5e973e5a6b2a43f48e7dc849e37bfcf", "2464c4abcf10c957010000005cf79f111f8130c3eee29480", 1559731985,
		"e5e973e5a6b2a43f48e7dc849e37bfcf", 1559734385, "2464c4abcf10c957010000005cf7a871d4a564a1442aca77", true,
	},
	{
		"A.3 another client, reserved bytes set", "203.0.113.203",
		"e5e973e5a6b2a43f48e7dc849e37bfcf", "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", 1559727985,
		"e5e973e5a6b2a43f48e7dc849e37bfcf", 1559734700, "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e", false,
	},
	{
		"A.4 IPv6, another secret", "2001:db8:220:1:59de:d0f4:8769:82b8",
		"dd3bdf9344b678b185a6f5cb60fca715", "22681ab97d52c298010000005cf7c57926556bd0934c72f8", 1559741817,
		"445536bcd2513298075a5d379663c962", 1559741961, "22681ab97d52c298010000005cf7c609a6bb79d16625507a", false,
	},
}

// TestVectors goes through the examples of RFC 9018, appendix A.
func TestVectors(t *testing.T) {
	for _, v := range vectors {
		remote, received, now := netip.MustParseAddr(v.remote), unhex(t, v.received), time.Unix(v.now, 0)
		if v.made != 0 && !maker(t, v.oldSecret).Valid(received, remote, time.Unix(v.made, 0)) {
			t.Errorf("%s: the cookie received was not valid when made", v.name)
		}
		m := maker(t, v.secret)
		if got := m.Valid(received, remote, now); got != v.validOnReturn {
			t.Errorf("%s: valid %v", v.name, got)
		}
		if got := hex.EncodeToString(m.Append(nil, received, remote, now)); got != v.sent {
			t.Errorf("%s: %s\nwant %s", v.name, got, v.sent)
		}
	}
}

// TestAge moves the clock through a cookie's life (RFC 9018, section 4.3), also where 32 bits of
// seconds overflow.
func TestAge(t *testing.T) {
	m, remote := maker(t, vectors[0].secret), netip.MustParseAddr("192.0.2.1")
	for _, made := range []int64{1559731985, 1<<32 - 10} {
		cookie := m.Append(nil, []byte("clientck"), remote, time.Unix(made, 0))
		for _, c := range []struct {
			age           int64
			valid, echoed bool
		}{
			{-301, false, false},
			{-300, true, true},
			{0, true, true},
			{1800, true, true},
			{1801, true, false},
			{3600, true, false},
			{3601, false, false},
			{1 << 31, false, false},
		} {
			now := time.Unix(made+c.age, 0)
			if got := m.Valid(cookie, remote, now); got != c.valid {
				t.Errorf("age %d: valid %v", c.age, got)
			}
			sent := m.Append(nil, cookie, remote, now)
			if got := bytes.Equal(sent, cookie); got != c.echoed {
				t.Errorf("age %d: echoed %v", c.age, got)
			}
			if !bytes.Equal(sent[:8], cookie[:8]) || !m.Valid(sent, remote, now) {
				t.Errorf("age %d: a bad cookie was sent: %x", c.age, sent)
			}
		}
	}
}

// TestForged changes each bit of a cookie in turn, its length, the address and the secret.
func TestForged(t *testing.T) {
	m, remote, now := maker(t, vectors[0].secret), netip.MustParseAddr("192.0.2.1"), time.Unix(1559731985, 0)
	cookie := m.Append(nil, []byte("clientck"), remote, now)
	for bit := range 8 * len(cookie) {
		forged := bytes.Clone(cookie)
		forged[bit/8] ^= 1 << (bit % 8)
		if m.Valid(forged, remote, now) {
			t.Errorf("valid with bit %d changed", bit)
		}
	}
	for length := range cookie {
		if m.Valid(cookie[:length], remote, now) {
			t.Errorf("valid with %d bytes", length)
		}
	}
	if m.Valid(append(cookie, 0), remote, now) {
		t.Error("valid with a byte more")
	}
	if m.Valid(cookie, remote.Next(), now) || maker(t, vectors[3].secret).Valid(cookie, remote, now) {
		t.Error("valid for another address or secret")
	}
}

// TestMapped shows that an IPv4 client stays the same if it comes over an IPv6 socket.
func TestMapped(t *testing.T) {
	m, now := maker(t, vectors[0].secret), time.Unix(1559731985, 0)
	cookie := m.Append(nil, []byte("clientck"), netip.MustParseAddr("192.0.2.1"), now)
	if !m.Valid(cookie, netip.MustParseAddr("::ffff:192.0.2.1"), now) {
		t.Error("not valid")
	}
}

// TestAppend shows that dst is kept, and that a cookie without a client's part gets no answer.
func TestAppend(t *testing.T) {
	m, remote, now := maker(t, vectors[0].secret), netip.MustParseAddr("192.0.2.1"), time.Unix(1559731985, 0)
	if got := m.Append([]byte("before"), []byte("clientck"), remote, now); len(got) != 6+Len || !bytes.HasPrefix(got, []byte("beforeclientck")) {
		t.Errorf("%q", got)
	}
	if got := m.Append([]byte("before"), []byte("client"), remote, now); string(got) != "before" {
		t.Errorf("%q", got)
	}
}

// TestAllocations shows that a cookie costs no allocation.
func TestAllocations(t *testing.T) {
	m, remote, now := maker(t, vectors[0].secret), netip.MustParseAddr("2001:db8::1"), time.Unix(1559731985, 0)
	buf := make([]byte, 0, Len)
	if n := testing.AllocsPerRun(100, func() {
		cookie := m.Append(buf, []byte("clientck"), remote, now)
		m.Append(buf, cookie, remote, now)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAppend(b *testing.B) {
	m, remote, now := maker(b, vectors[0].secret), netip.MustParseAddr("2001:db8::1"), time.Unix(1559731985, 0)
	buf := make([]byte, 0, Len)
	cookie := m.Append(nil, []byte("clientck"), remote, now)
	for b.Loop() {
		m.Append(buf, cookie, remote, now)
	}
}
