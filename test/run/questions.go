package main

import (
	"fmt"
	"io"
	"net"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// question is one line for dig.
type question struct {
	name string // or the address, for PTR
	kind uint16
	tcp  bool
}

// questions are those that the example cluster has answers to, one of each sort.
var questions = []question{
	{name: "my-svc.my-ns.svc.cluster.local", kind: dns.TypeA},
	{name: "10.96.0.20", kind: dns.TypePTR},
	{name: "dual.my-ns.svc.cluster.local", kind: dns.TypeAAAA},
	{name: "db.my-ns.svc.cluster.local", kind: dns.TypeA},
	{name: "_postgres._tcp.db.my-ns.svc.cluster.local", kind: dns.TypeSRV},
	{name: "10.244.2.30", kind: dns.TypePTR},
	{name: "mail.my-ns.svc.cluster.local", kind: dns.TypeA},
	{name: "10-244-1-20.my-ns.pod.cluster.local", kind: dns.TypeA, tcp: true},
}

// show writes each question, as one would ask it, and its answer.
func show(w io.Writer, addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("address of the server: %w", err)
	}
	for _, q := range questions {
		answer, err := q.ask(addr)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(w, "\n$ dig @127.0.0.1 -p %s %s\n%s\n", port, q, strings.Join(answer, "\n"))
	}
	return nil
}

// showCached asks the node cache the same twice, a second apart: the second answer is older.
func showCached(w io.Writer, addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("address of the node cache: %w", err)
	}
	q := questions[3]
	for _, when := range []string{"through the node cache", "a second later, from the node cache"} {
		reply, err := q.exchange(addr)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(w, "\n# %s\n$ dig @127.0.0.1 -p %s +noall +answer %s\n%s\n", when, port, q.name, strings.Join(long(reply.Answer), "\n"))
		time.Sleep(time.Second) // the second answer is to be older
	}
	return nil
}

// long returns records as dig writes them, sorted.
func long(answer []dns.RR) []string {
	var lines []string
	for _, rr := range answer {
		lines = append(lines, rr.String())
	}
	slices.Sort(lines)
	return lines
}

// hint tells what to try next.
func hint(w io.Writer) {
	_, _ = fmt.Fprintln(w, "\nChange docs/cluster.example.yaml and ask again a second later. Ctrl-C ends it.")
	if _, err := exec.LookPath("dig"); err != nil {
		_, _ = fmt.Fprintln(w, "dig is not installed here: Debian and Ubuntu have it in bind9-dnsutils, Fedora in bind-utils.")
	}
}

// String returns dig's arguments.
func (q question) String() string {
	args := []string{"+short"}
	if q.tcp {
		args = append(args, "+tcp")
	}
	switch q.kind {
	case dns.TypePTR:
		args = append(args, "-x", q.name)
	case dns.TypeA:
		args = append(args, q.name)
	default:
		args = append(args, q.name, dns.TypeToString[q.kind])
	}
	return strings.Join(args, " ")
}

// ask returns the answer as dig +short writes it, sorted, or why there is none: the file
// served may be one's own.
func (q question) ask(addr string) ([]string, error) {
	reply, err := q.exchange(addr)
	if err != nil {
		return nil, err
	}
	if len(reply.Answer) == 0 {
		return []string{"(no answer: " + dns.RcodeToString[reply.Rcode] + ")"}, nil
	}
	return short(reply.Answer), nil
}

func (q question) exchange(addr string) (*dns.Msg, error) {
	name := dns.Fqdn(q.name)
	if q.kind == dns.TypePTR {
		var err error
		if name, err = dns.ReverseAddr(q.name); err != nil {
			return nil, fmt.Errorf("reverse name: %w", err)
		}
	}
	c := dns.Client{Timeout: 2 * time.Second}
	if q.tcp {
		c.Net = "tcp"
	}
	reply, _, err := c.Exchange(new(dns.Msg).SetQuestion(name, q.kind), addr)
	if err != nil {
		return nil, fmt.Errorf("asking for %s: %w", name, err)
	}
	return reply, nil
}

func short(answer []dns.RR) []string {
	var lines []string
	for _, rr := range answer {
		lines = append(lines, strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	if answer[0].Header().Rrtype != dns.TypeCNAME { // a CNAME comes first
		slices.Sort(lines)
	}
	return lines
}
