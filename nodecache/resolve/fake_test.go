package resolve

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/upstream"
)

// soa is the SOA record that the fake's denials carry.
const soa = "cluster.local. 30 SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 30"

// fake is an upstream. Names that say did not tell it do not exist.
type fake struct {
	out atomic.Bool

	mu     sync.Mutex
	says   map[string][]string // "name type" -> see response
	whole  func(query []byte) ([]byte, error)
	took   time.Duration
	err    error
	list   []string // what it was asked
	last   []byte   // the last query
	scopes map[string]upstream.Scope
}

func newFake() *fake { return &fake{says: map[string][]string{}, scopes: map[string]upstream.Scope{}} }

// say sets the records of an answer: those of the authority section after "--", those of the
// additional section after "++", the name of a code, and "TC", "AD", "AA" or "Z" for flags.
func (f *fake) say(question string, records ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.says[question] = records
}

// set changes the fake while it may be in use.
func (f *fake) set(change func(f *fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// take returns the questions since the last call.
func (f *fake) take() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := f.list
	f.list = nil
	return list
}

// note records a query.
func (f *fake) note(query []byte, scope upstream.Scope) (m *dns.Msg, key string, took time.Duration) {
	m = new(dns.Msg)
	if err := m.Unpack(query); err != nil {
		panic(err)
	}
	key = strings.ToLower(m.Question[0].Name) + " " + dns.Type(m.Question[0].Qtype).String()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, key)
	f.last, f.scopes[key] = append([]byte(nil), query...), scope
	return m, key, f.took
}

// Exchange implements Exchanger.
func (f *fake) Exchange(ctx context.Context, dst []byte, of *wire.Query, options []byte, scope upstream.Scope) ([]byte, error) {
	query := wire.AppendQuery(nil, of, options)
	q, key, took := f.note(query, scope)
	if took > 0 {
		select {
		case <-time.After(took):
		case <-ctx.Done():
			return dst, ctx.Err()
		}
	}
	f.mu.Lock()
	records, whole, err := f.says[key], f.whole, f.err
	f.mu.Unlock()
	switch {
	case err != nil:
		return dst, err
	case whole != nil:
		m, err := whole(query)
		return append(dst, m...), err
	case records == nil:
		records = []string{"NXDOMAIN", "--", soa}
	}
	return append(dst, response(q, records)...), nil
}

// Names implements Exchanger.
func (f *fake) Names() []byte { return []byte("192.0.2.53") }

// Out implements Exchanger.
func (f *fake) Out() bool { return f.out.Load() }

// response returns a response to q, uncompressed, with an OPT record that has options.
func response(q *dns.Msg, records []string) []byte {
	m := new(dns.Msg)
	m.SetReply(q)
	section, reason := &m.Answer, dns.EDNS0(&dns.EDNS0_NSID{Code: dns.EDNS0NSID, Nsid: "6162"})
	for _, text := range records {
		code, ok := dns.StringToRcode[text]
		why, because := strings.CutPrefix(text, "EDE ")
		switch {
		case because:
			n, text, _ := strings.Cut(why, " ")
			code, _ := strconv.Atoi(n)
			reason = &dns.EDNS0_EDE{InfoCode: uint16(code), ExtraText: text}
		case ok:
			m.Rcode = code
		case text == "--":
			section = &m.Ns
		case text == "++":
			section = &m.Extra
		case text == "TC":
			m.Truncated = true
		case text == "AD":
			m.AuthenticatedData = true
		case text == "Z":
			m.Zero = true
		case text == "AA":
			m.Authoritative = true
		default:
			r, err := dns.NewRR(text)
			if err != nil {
				panic(err)
			}
			*section = append(*section, r)
		}
	}
	m.SetEdns0(4096, false)
	m.IsEdns0().Option = []dns.EDNS0{reason}
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}
