package nodecache

import (
	"crypto"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/nodecache/run"
)

// TestANY has unbound validate the node cache's answers to ANY. They are for names of a signed zone
// that BIND serves. None is bogus, whatever records a name has (RFC 8482; RFC 4035, section 5).
//
//	client -> unbound -> node cache -> named
func TestANY(t *testing.T) {
	t.Parallel()
	key, zone := signedZone(t)
	dir := t.TempDir()
	run.Write(t, dir, "anchor", key.String()+"\n")
	addr := testkit.FreeAddr(t)
	const corefile = "signed.example:%d .:%[1]d {\n\tbind %s\n\tcache 30\n\tforward . %s {\n\t\tforce_tcp\n\t}\n}\n"
	run.NodeCache(t, fmt.Sprintf(corefile, addr.Port(), addr.Addr(), named(t, zone))).Answers(addr)
	validator := unbound(t, fmt.Sprintf("\tmodule-config: \"validator iterator\"\n\ttrust-anchor-file: %q\nforward-zone:\n\tname: \".\"\n\tforward-addr: %s@%d\n",
		dir+"/anchor", addr.Addr(), addr.Port()))
	for name, want := range map[string]string{
		"signed.example.":          "NOERROR",
		"www.signed.example.":      "NOERROR",
		"alias.signed.example.":    "NOERROR",
		"any.wild.signed.example.": "NOERROR",
		"wild.signed.example.":     "NOERROR",
		"none.signed.example.":     "NXDOMAIN",
	} {
		for _, network := range []string{"udp", "tcp"} {
			q := new(dns.Msg).SetQuestion(name, dns.TypeANY)
			q.SetEdns0(1232, true)
			c := dns.Client{Net: network, Timeout: testkit.Patience}
			a, _, err := c.Exchange(q, validator.String())
			if err != nil {
				t.Fatal(err)
			}
			if got := dns.RcodeToString[a.Rcode]; got != want || !a.AuthenticatedData {
				t.Errorf("%s over %s: %v, expected %s with AD", name, network, a, want)
			}
			few, _, err := c.Exchange(q, addr.String())
			if err != nil {
				t.Fatal(err)
			}
			if n := sets(few.Answer); network == "udp" && n > 1 || network == "tcp" && strings.HasPrefix(name, "www.") && n != 3 {
				t.Errorf("%s over %s: %d sets of records: %v", name, network, n, few)
			}
		}
	}
}

// sets counts the sets of records. Signatures do not count.
func sets(records []dns.RR) int {
	var types []uint16
	for _, r := range records {
		if t := r.Header().Rrtype; t != dns.TypeRRSIG && !slices.Contains(types, t) {
			types = append(types, t)
		}
	}
	return len(types)
}

// named starts a BIND that serves signed.example. and answers ANY with all records of a name.
func named(t *testing.T, zone string) netip.AddrPort {
	t.Helper()
	addr, dir := testkit.FreeAddr(t), t.TempDir()
	run.Write(t, dir, "zone", zone)
	run.Write(t, dir, "named.conf", fmt.Sprintf(`options {
	directory %q;
	pid-file none;
	session-keyfile none;
	listen-on port %d { %s; };
	listen-on-v6 { none; };
	recursion no;
	minimal-any no;
};
controls { };
zone "signed.example." { type primary; file "zone"; };
`, dir, addr.Port(), addr.Addr()))
	run.Start(t, exec.Command("named", "-g", "-c", "named.conf"), dir).Answers(addr)
	return addr
}

// unbound starts an unbound, with more lines in its configuration.
func unbound(t *testing.T, more string) netip.AddrPort {
	t.Helper()
	addr, dir := testkit.FreeAddr(t), t.TempDir()
	run.Write(t, dir, "unbound.conf", fmt.Sprintf(`server:
	interface: %s
	port: %d
	access-control: 127.0.0.0/8 allow
	directory: %q
	username: ""
	chroot: ""
	pidfile: ""
	use-syslog: no
	do-daemonize: no
	do-not-query-localhost: no
%s`, addr.Addr(), addr.Port(), dir, more))
	run.Start(t, exec.Command("unbound", "-c", "unbound.conf"), dir).Answers(addr)
	return addr
}

// signedZone returns the zone signed.example. with the key that signs it.
func signedZone(t *testing.T) (*dns.DNSKEY, string) {
	t.Helper()
	const apex = "signed.example."
	key := &dns.DNSKEY{
		Hdr:   dns.RR_Header{Name: apex, Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 60},
		Flags: 257, Protocol: 3, Algorithm: dns.ECDSAP256SHA256,
	}
	private, err := key.Generate(256)
	if err != nil {
		t.Fatal(err)
	}
	var zone []dns.RR
	for _, text := range []string{
		"@ SOA ns root 1 3600 600 86400 60", "@ NS ns", "@ MX 10 www", "ns A 127.0.0.1",
		"www A 192.0.2.1", "www A 192.0.2.2", "www TXT x", "alias CNAME www", "*.wild A 192.0.2.3", "*.wild TXT y",
	} {
		r, err := dns.NewRR("$ORIGIN " + apex + "\n$TTL 60\n" + text)
		if err != nil {
			t.Fatal(err)
		}
		zone = append(zone, r)
	}
	zone = chain(append(zone, key), apex)
	text := ""
	for _, r := range signed(t, zone, key, private.(crypto.Signer)) {
		text += r.String() + "\n"
	}
	return key, text
}

// chain adds the NSEC records (RFC 4034, section 4).
func chain(zone []dns.RR, apex string) []dns.RR {
	types := map[string][]uint16{}
	for _, r := range zone {
		types[r.Header().Name] = append(types[r.Header().Name], r.Header().Rrtype)
	}
	names := []string{apex}
	for _, label := range []string{"alias", "ns", "*.wild", "www"} { // in canonical order (RFC 4034, section 6.1)
		names = append(names, label+"."+apex)
	}
	for i, name := range names {
		list := append(types[name], dns.TypeRRSIG, dns.TypeNSEC)
		slices.Sort(list)
		zone = append(zone, &dns.NSEC{
			Hdr:        dns.RR_Header{Name: name, Rrtype: dns.TypeNSEC, Class: dns.ClassINET, Ttl: 60},
			NextDomain: names[(i+1)%len(names)], TypeBitMap: slices.Compact(list),
		})
	}
	return zone
}

// signed adds a signature of each set of records.
func signed(t *testing.T, zone []dns.RR, key *dns.DNSKEY, private crypto.Signer) []dns.RR {
	t.Helper()
	sets := map[string][]dns.RR{}
	for _, r := range zone {
		id := fmt.Sprint(r.Header().Name, r.Header().Rrtype)
		sets[id] = append(sets[id], r)
	}
	for _, set := range sets {
		sig := &dns.RRSIG{
			Hdr:       dns.RR_Header{Ttl: 60},
			Algorithm: key.Algorithm, SignerName: key.Hdr.Name, KeyTag: key.KeyTag(),
			Inception: uint32(time.Now().Add(-time.Hour).Unix()), Expiration: uint32(time.Now().Add(24 * time.Hour).Unix()), // serial numbers (RFC 1982)
		}
		if err := sig.Sign(private, set); err != nil {
			t.Fatal(err)
		}
		zone = append(zone, sig)
	}
	return zone
}
