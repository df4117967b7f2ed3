package querylog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
)

// entry returns an Entry with all fields set.
func entry(t testing.TB, name string) *Entry {
	m, q := query(t, name, dns.TypeAAAA)
	e := &Entry{
		Time:   time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC),
		Took:   1500 * time.Microsecond,
		Remote: netip.MustParseAddrPort("[::ffff:10.0.0.7]:4242"),
		Local:  netip.MustParseAddrPort("[fd00::10]:53"),
		Source: "cache",
	}
	q.DO, q.UDPSize = true, 1232
	e.SetQuery(q, 40)
	e.SetReply(reply(t, m, dns.RcodeNameError, nil, []string{soa}))
	return e
}

// logged returns the JSON that one entry becomes.
func logged(t *testing.T, e *Entry) map[string]any {
	t.Helper()
	var out bytes.Buffer
	l := New(slog.NewJSONHandler(&out, nil), 1)
	l.Put(e)
	l.drain()
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || strings.Count(out.String(), "\n") != 1 {
		t.Fatalf("%v: %q", err, out.String())
	}
	return got
}

func TestEntry(t *testing.T) {
	got := logged(t, entry(t, "DB.example."))
	want := map[string]any{
		"time": "2026-11-01T12:00:00Z", "level": "INFO", "msg": "query",
		"client_ip": "10.0.0.7", "client_port": 4242.0, "local_ip": "fd00::10", "protocol": "udp",
		"qname": "db.example.", "qtype": "AAAA", "qclass": "IN",
		"id": float64(0x1234), "opcode": 0.0, "request_size": 40.0, "dnssec_ok": true, "bufsize": 1232.0,
		"rcode": "NXDOMAIN", "flags": "qr,rd", "response_size": got["response_size"],
		"duration_seconds": 0.0015, "source": "cache",
	}
	if !maps.Equal(got, want) {
		t.Errorf("%v\nwant %v", got, want)
	}
	if size, _ := got["response_size"].(float64); size < 40 {
		t.Errorf("response_size %v", got["response_size"])
	}
}

// TestEntryOddities logs odd names, a query over TCP, one without a whole question, and one without
// a reply.
func TestEntryOddities(t *testing.T) {
	for _, text := range []string{".", `a\"b.example.`, `a\.b\010\\.example.`, strings.Repeat(strings.Repeat("x", 62)+".", 4)} {
		if got := logged(t, entry(t, text)); got["qname"] != text {
			t.Errorf("qname %q, want %q", got["qname"], text)
		}
	}
	e := entry(t, "a.example.")
	e.TCP = true
	e.SetQuery(&wire.Query{}, 12)
	e.SetReply(nil)
	got := logged(t, e)
	if got["protocol"] != "tcp" || got["bufsize"] != 65535.0 || got["qname"] != "." {
		t.Errorf("%v", got)
	}
	if rcode, there := got["rcode"]; !there || rcode != nil || got["response_size"] != 0.0 {
		t.Errorf("no reply: %v", got)
	}
}

func TestFlags(t *testing.T) {
	for _, c := range []struct {
		flags wire.Flags
		want  string
	}{
		{0, ""},
		{wire.QR | wire.AA | wire.RD | wire.RA, "qr,aa,rd,ra"},
		{wire.CD | 0xF, "cd"},
		{0xFFFF, "qr,aa,tc,rd,ra,z,ad,cd"},
	} {
		if got := string(appendFlags([]byte("x,"), c.flags)); got != "x,"+c.want {
			t.Errorf("%x: %s, want %s", c.flags, got, c.want)
		}
	}
}

// gate is a handler that waits until it is opened.
type gate struct {
	slog.Handler
	open chan struct{}
}

func (g gate) Handle(ctx context.Context, r slog.Record) error {
	<-g.open
	return g.Handler.Handle(ctx, r)
}

// TestPutNeverWaits holds up the writer and puts more entries than the queue takes. Run writes
// every entry that was not dropped before it returns.
func TestPutNeverWaits(t *testing.T) {
	const size, puts = 8, 100
	var out bytes.Buffer
	open := make(chan struct{})
	l := New(gate{slog.NewJSONHandler(&out, nil), open}, size)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.Run(ctx)
	}()
	e := entry(t, "a.example.")
	for range puts { // with a writer that is stuck this would last for ever if it waited
		l.Put(e)
	}
	cancel()
	close(open)
	<-done
	written := uint64(strings.Count(out.String(), "\n"))
	if written < size || written > size+1 || written+l.Dropped() != puts {
		t.Errorf("%d written, %d dropped", written, l.Dropped())
	}
	for range 2 * size { // nobody writes any more
		l.Put(e)
	}
}

// TestPutConcurrently shows that entries of many goroutines arrive complete.
func TestPutConcurrently(t *testing.T) {
	const putters, each = 4, 50
	var out bytes.Buffer
	l := New(slog.NewJSONHandler(&out, nil), putters*each)
	ctx, cancel := context.WithCancel(context.Background())
	var putting, writing sync.WaitGroup
	writing.Go(func() { l.Run(ctx) })
	for n := range putters {
		e := entry(t, fmt.Sprintf("n%d.example.", n))
		putting.Go(func() {
			for range each {
				l.Put(e)
			}
		})
	}
	putting.Wait()
	cancel()
	writing.Wait()
	for n := range putters {
		if got := strings.Count(out.String(), fmt.Sprintf(`"qname":"n%d.example."`, n)); got != each {
			t.Errorf("%d of %d entries of one are there", got, each)
		}
	}
	if l.Dropped() != 0 {
		t.Errorf("%d dropped", l.Dropped())
	}
}

type broken struct{ slog.Handler }

func (broken) Handle(context.Context, slog.Record) error { return errors.New("no space left") }

func TestHandlerFails(t *testing.T) {
	l := New(broken{}, 1)
	l.Put(entry(t, "a.example."))
	l.drain()
	if l.Dropped() != 1 {
		t.Errorf("%d dropped", l.Dropped())
	}
}

// TestAllocations shows that a query allocates nothing, whether it is logged, dropped or left out.
func TestAllocations(t *testing.T) {
	m, q := query(t, "a.example.", dns.TypeA)
	answer := reply(t, m, dns.RcodeSuccess, []string{address}, nil)
	f := Filter{{testkit.Name(t, "other."), All}, {testkit.Name(t, "example."), Success}}
	l := New(nil, 10)
	if n := testing.AllocsPerRun(100, func() {
		if f.Pass(q, answer) {
			e := Entry{Time: time.Now(), Source: "cache"}
			e.SetQuery(q, 40)
			e.SetReply(answer)
			l.Put(&e)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if l.Dropped() == 0 {
		t.Error("nothing passed the filter")
	}
}
