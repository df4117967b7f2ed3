package corefile

import (
	"strings"
	"testing"
)

// TestCareless reads what people in a hurry write, and has the line that helps them.
func TestCareless(t *testing.T) {
	const zone, network = ", expected a zone such as example.com or a network such as 10.0.0.0/8", ", expected a network such as 10.0.0.0/8 or 2001:db8::/32"
	for _, test := range []struct{ text, want string }{
		// braces
		{". {\nforward . 192.0.2.1\n{\nforce_tcp\n}\n}", ":3: forward: { at the beginning of a line, expected it at the end of the line before"},
		{". {\ncache\n{\nsuccess 5000\n}\n}", ":3: cache: { at the beginning of a line, expected it at the end of the line before"},
		{". {\n{\nforward . 192.0.2.1\n}\n}", `:2: "{" is not a directive of CoreDNS, expected { at the end of the line before`},
		{". {\nloop {\n}\n}", ":2: loop: it has no options, expected no {"},
		{".:53{\nloop\n}", `:1: ".:53{", expected a space before {`},
		{". {\nforward . 192.0.2.1{\n}\n}", `:2: forward: "192.0.2.1{", expected a space before {`},
		{". {\nforward . 192.0.2.1}\n}", `:2: forward: "192.0.2.1}", expected } on a line of its own`},
		{". {\nforward . 192.0.2.1\n}\n}", ":4: } closes nothing, expected as many } as {"},
		{". {\nloop\n}\nforward . 192.0.2.1\n}", ":4: forward is in no block, expected a zone and { before it, such as .:53 {; is a } before it too many?"},
		{"forward . 192.0.2.1", ":1: forward is in no block, expected a zone and { before it, such as .:53 {; is a } before it too many?"},
		{". {\nforward . 192.0.2.1 {\nforce_tcp\n}\n", ":4: the file ends within the block of line 1, expected }"},
		{". {\ncache {\nforward . 192.0.2.1\n}\n}", `:3: cache: "forward" is a directive, expected } before it`},
		{". {\nloop\ncluster.local:53 {\nloop\n}\n}", `:3: "cluster.local:53" is not a directive of CoreDNS, expected no zone within a block: ` +
			"is a } missing before it, or a comma at the end of a line of zones?"},
		{"cluster.local:53\nip6.arpa:53 {\nloop\n}", `:2: "ip6.arpa:53" is not a directive of CoreDNS, expected no zone within a block: ` +
			"is a } missing before it, or a comma at the end of a line of zones?"},
		// zones
		{"10.96.0.0/40 {\n}", `:1: "10.96.0.0/40"` + network},
		{"10.96/12 {\n}", `:1: "10.96/12"` + network},
		{"example.org/ {\n}", `:1: "example.org/"` + network},
		{"10.96.0.10:53 {\n}", `:1: "10.96.0.10:53" is an address, expected a zone, and bind 10.96.0.10 within its block`},
		{"[fd00::1]:53 {\n}", `:1: "[fd00::1]:53" is an address, expected a zone, and bind fd00::1 within its block`},
		{"*.cluster.local {\n}", `:1: "*.cluster.local", expected it without *: a zone includes all names below it`},
		{"a.example;b.example {\n}", `:1: "a.example;b.example"` + zone},
		{"a.example,b.example {\n}", `:1: "a.example,b.example"` + zone + "; words are separated by spaces"},
		{"$ZONE {\n}", `:1: "$ZONE"` + zone + "; a variable is written {$NAME}"},
		{"'example.org' {\n}", `:1: "'example.org'"` + zone + `; only " encloses words, in pairs`},
		{"bücher.example {\n}", `:1: "bücher.example"` + zone + "; other letters are written as xn--"},
		{"{$ZONE}:53 {\n}", `:1: "", expected a domain name, or . for all; is a variable empty?`},
		{"a.example a.example {\n}", ":1: a.example.:53 is named twice, expected it once"},
	} {
		wantError(t, test.text, "Corefile"+test.want, Options{})
	}
}

// TestCarelessDirectives is TestCareless within a block.
func TestCarelessDirectives(t *testing.T) {
	const server = ", expected an IP address with or without a port, a file such as /etc/resolv.conf, or a host's name"
	const words = ", expected a zone such as example.com or a network such as 10.0.0.0/8, or nothing for the block's zones"
	for _, test := range []struct{ text, want string }{
		{"proxy . 192.0.2.1", `"proxy" is not a directive of CoreDNS, expected forward FROM TO...`},
		{"upstream 192.0.2.1", `"upstream" is not a directive of CoreDNS, expected nothing: the server that is asked follows aliases`},
		{"force_tcp", `"force_tcp" is not a directive of CoreDNS, expected it within { } after forward, as an option`},
		{"serve_stale", `"serve_stale" is not a directive of CoreDNS, expected it within { } after cache, as an option`},
		{"// a comment", `"//" is not a directive of CoreDNS, expected # before a comment`},
		{"; a comment", `";" is not a directive of CoreDNS, expected # before a comment`},
		{"nosuch", `"nosuch" is not a directive of CoreDNS, expected ` + list(directiveNames(), "or")},
		{"Forward . 192.0.2.1", `"Forward" is not a directive of CoreDNS, expected perhaps forward; there are ` + list(directiveNames(), "and")},
		{"forward 192.0.2.1 192.0.2.2", `forward: "192.0.2.1" is an address, expected a zone such as example.com or a network such as 192.0.2.1/32`},
		{"forward . 192.0.2.1,192.0.2.2", `forward: "192.0.2.1,192.0.2.2"` + server + "; words are separated by spaces"},
		{"forward . 192.0.2.1;", `forward: "192.0.2.1;"` + server + "; a line ends without a ;"},
		{"forward . $DNS", `forward: "$DNS"` + server + "; a variable is written {$NAME}"},
		{"forward . {$DNS}", `forward: ""` + server + "; is a variable empty?"},
		{"forward . 192.0.2.0/24", `forward: "192.0.2.0/24" is a network, expected the address of a server`},
		{"forward . 192.0.2.1 force_tcp", `forward: "force_tcp" is an option, expected it within { } after the servers`},
		{"forward . tcp://192.0.2.1", "forward: tcp://192.0.2.1: expected an address without tcp://: queries go over UDP or, with force_tcp, over TCP"},
		{"forward . 0.0.0.0", `forward: "0.0.0.0" is not the address of a server, expected one such as 192.0.2.1`},
		{"forward . fe80::1", `forward: "fe80::1", expected it with its interface, such as fe80::1%eth0`},
		{"forward . ff02::1", `forward: "ff02::1" is not the address of a server, expected one such as 192.0.2.1`},
		{"forward . 255.255.255.255", `forward: "255.255.255.255" is not the address of a server, expected one such as 192.0.2.1`},
		{"cache 30s", `cache: "30s", expected a TTL in whole seconds, such as 30`},
		{"cache off", `cache: "off"` + words},
		{"cache 30 60", `cache: "60"` + words},
		{"cache 30 30.5", `cache: "30.5"` + words},
		{"cache example.org 30", `cache: "30"` + words},
		{"log stdout", `log: "stdout"` + words},
		{"bind 169.254.20.10:53", `bind: "169.254.20.10:53", expected an address without a port: the port stands after the block's zone`},
		{"bind 127.0.0.1,::1", `bind: "127.0.0.1,::1", expected an IP address or the name of an interface; words are separated by spaces`},
		{"bind *", `bind: "*", expected no bind: without bind, the block listens on all addresses`},
		{"bind fe80::1", `bind: "fe80::1", expected it with its interface, such as fe80::1%eth0`},
		{"bind 224.0.0.1", `bind: "224.0.0.1" is not the address of a host, expected an address of this host`},
		{"hosts {\nfallthrough not/a/zone\n}", `hosts: fallthrough: "not/a/zone", expected a network such as 10.0.0.0/8 or 2001:db8::/32`},
		{"cache {\ndisable success denial\n}", `cache: disable: "denial"` + words},
		{"cache {\nsuccess 9984 5 30\n}", "cache: success: MINTTL 30 is above TTL 5, expected MINTTL to be at most TTL"},
		{"forward . 192.0.2.1 {\nmaxfails 3\n}", `forward: unknown option "maxfails", expected perhaps max_fails; there are ` + list(findDirective("forward").optionNames(), "and")},
	} {
		line := "Corefile:2: "
		if strings.Contains(test.text, "\n") {
			line = "Corefile:3: "
		}
		wantError(t, "example.org {\n"+test.text+"\n}\n", line+test.want, Options{})
	}
}

// TestCarelessNotes reads what CoreDNS takes without a word, and has the note that we make of it.
func TestCarelessNotes(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", "1: nothing in the block answers, expected forward or hosts; its names get SERVFAIL"},
		{"forward . 192.0.2.1 {\nmax_fails 2\nmax_fails 3\n}", "4: forward: max_fails already stands at line 3, and only the last one counts"},
		{"forward . 192.0.2.1\ncache {\nsuccess 5000\nsuccess 6000\n}", "5: cache: success already stands at line 4, and only the last one counts"},
		{"forward . 192.0.2.1\nbind ::1 {\nexcept ::2\nexcept ::3\n}", "5: bind: except already stands at line 4, and only the last one counts"},
		{"forward . 192.0.2.1\ncache {\nsuccess 100\n}", "4: cache: success 100 is raised to 1024, the minimum"},
		{"forward . 192.0.2.1\ncache 30 example.com", "3: cache: the block serves no name below example.com"},
		{"forward . 192.0.2.1\nforward a.example.org 192.0.2.2", "3: forward: it is never asked: its names go to the forward at Corefile:2"},
		{"forward . 192.0.2.1 {\nexcept org\n}", "2: forward: it is never asked: except has all of its names"},
		{"forward . 192.0.2.1 {\ntls_servername a.example\n}", "4: forward: tls and tls_servername are for servers written as tls://ADDRESS; there is none, and queries are not encrypted"},
		{"forward example.com 192.0.2.1\nforward . 192.0.2.2", "2: forward: the block serves no name below example.com"},
		{"hosts /none", "2: hosts: stat /none: no such file or directory; its names are answered once the file is there"},
		{"hosts {\n192.0.2.1 *.example.org a*.example.org\n}", "3: hosts: a*.example.org: only a whole first label can be a wildcard, as in *.example.org"},
		// as it should be
		{"forward a.example.org 192.0.2.1\nforward . 192.0.2.2", ""},
		{"forward . 192.0.2.1 {\nexcept a.example.org\nexcept b.example.org\n}\nforward a.example.org 192.0.2.2", ""},
		{"forward . 192.0.2.1 {\nnext NXDOMAIN\n}\nforward . 192.0.2.2", ""},
		{"hosts {\n192.0.2.1 a.example.org\n192.0.2.1 b.example.org\n}", ""},
		{"template IN AAAA", ""},
		{"forward . 192.0.2.1\ncache 30 .", ""},
	} {
		got := notes(t, test.text)
		if want := test.want; want == "" && got != "" || want != "" && got != "Corefile:"+want {
			t.Errorf("%s\n got %s\nwant %s", test.text, got, want)
		}
	}
}

// TestShortZones reads zones of one label, also those that look like a value.
func TestShortZones(t *testing.T) {
	for _, zone := range []string{"no", "inf", "e5", "local", "_", "a1"} {
		c := parse(t, zone+" {\ncache 30 "+zone+"\nforward "+zone+" 192.0.2.1\n}\n", Options{})
		if got := noteLines(c.Notes); got != "" || c.Blocks[0].Forwards[0].From.String() != zone+"." {
			t.Errorf("%s: %s, %s", zone, c.Blocks[0].Forwards[0].From, got)
		}
	}
}

// TestFaultyZoneNotes shows that a zone that is none leads to one error, and to no note besides.
func TestFaultyZoneNotes(t *testing.T) {
	c, wrong := check("Corefile", []byte("*.example.org {\nforward . 192.0.2.1\ncache 30 example.org\n}\n"), Options{})
	if got := noteLines(c.Notes); len(wrong) != 1 || got != "" {
		t.Errorf("errors %v, remarks %q", wrong, got)
	}
}
