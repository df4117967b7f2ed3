package corefile

import (
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/coredns/caddy/caddyfile"

	"github.com/neardns/neardns/nodecache/hosts"
)

// FuzzParse reads any text. The result must be a consistent Config or an error that names a place.
// The server blocks must be those that CoreDNS's parser finds.
func FuzzParse(f *testing.F) {
	text, err := os.ReadFile(official)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	for _, seed := range []string{
		"a, b {\n loop\n}\n", "(s) {\nlog {\nclass denial\n}\n}\na {\nimport s\n}", "a\nloop\ndebug", "a {\n\"x\ny\" {\n}\n}",
		". {\nhosts {\n192.0.2.1 a\nttl 5\nfallthrough\n}\nbind lo {\nexcept ::1\n}\n}",
		"10.0.0.0/9:53 {\nforward . tls://9.9.9.9%a:53 {\nhealth_check 1s no_rec domain x\nfollow a.b 5\n}\n}",
		". {\ncache 5 x {\nserve_stale 1h verify 1s 1s 1s\nprefetch 1 1m 10%\ndisable denial\n}\n}",
		"a:{$X} {\nerrors {\nconsolidate 5m \"x\" info\n}\ntemplate IN AAAA {\nrcode NOERROR\n}\nreload 5s 2s\n}",
	} {
		f.Add(seed)
	}
	place := regexp.MustCompile(`^(Corefile|kube-dns ConfigMap, stubDomains)(:\d+)?: `)
	o := Options{
		ClusterDNS: []string{"10.96.0.10"},
		LocalIPs:   []netip.Addr{netip.MustParseAddr("169.254.20.10")},
		Env:        noEnv,
	}
	f.Fuzz(func(t *testing.T, text string) {
		if readsFiles(text) {
			return
		}
		c, err := first(check("Corefile", []byte(text), o))
		if err != nil && !place.MatchString(err.Error()) {
			t.Errorf("%q names no place", err)
		}
		if err == nil {
			checkConfig(t, c)
		}
		if !strings.ContainsAny(text, "%$") && !strings.Contains(text, "import") && !strings.Contains(text, pillar) {
			checkStanzas(t, text)
		}
	})
}

// readsFiles reports whether a Corefile may name files outside this folder.
func readsFiles(text string) bool {
	return strings.Contains(text, "/") && (strings.Contains(text, "import") || strings.Contains(text, "proc") ||
		strings.Contains(text, "sys") || strings.Contains(text, "..") || strings.Contains(text, "dev"))
}

func checkConfig(t *testing.T, c *Config) {
	t.Helper()
	if len(c.Blocks) == 0 || len(c.Files) == 0 {
		t.Errorf("%d blocks, files %v", len(c.Blocks), c.Files)
	}
	for _, b := range c.Blocks {
		if len(b.Keys) == 0 || b.Pos.Line < 1 {
			t.Errorf("%s: keys %v", b.Pos, b.Keys)
		}
		for _, z := range b.zones() {
			if !z.Valid() || string(z.AppendLower(nil)) != string(z) {
				t.Errorf("%s: zone %q", b.Pos, z)
			}
		}
		if b.Hosts != nil {
			if _, faults := hosts.Parse("inline", []byte(b.Hosts.Inline), hosts.Options{}); len(faults) > 0 {
				t.Errorf("%s: %v", b.Pos, faults)
			}
		}
		for _, f := range b.Forwards {
			if len(f.To) == 0 || !f.From.Valid() {
				t.Errorf("%s: %+v", f.Pos, f)
			}
		}
	}
	c.ClusterZones()
}

// checkStanzas compares the stanzas with those of caddyfile.Parse. It leaves out blocks without a
// zone.
func checkStanzas(t *testing.T, text string) {
	t.Helper()
	o := Options{Env: noEnv}
	got, gotErr := newReader(&o, "Corefile", []byte(text)).stanzas()
	want, wantErr := caddyfile.Parse("Corefile", strings.NewReader(text), nil)
	if gotErr != nil && strings.Contains(gotErr.Error(), "a block without a zone") {
		return
	}
	if (gotErr == nil) != (wantErr == nil) {
		t.Fatalf("error %v, CoreDNS's %v", gotErr, wantErr)
	}
	if gotErr != nil {
		return
	}
	if len(got) != len(want) {
		t.Fatalf("%d blocks, CoreDNS finds %d", len(got), len(want))
	}
	for i, s := range got {
		for k, key := range s.keys {
			if len(s.keys) != len(want[i].Keys) || key.Text != want[i].Keys[k] {
				t.Fatalf("block %d: keys %v, CoreDNS finds %v", i, s.keys, want[i].Keys)
			}
		}
		words := map[string][]caddyfile.Token{}
		for _, d := range s.directives {
			words[d[0].Text] = append(words[d[0].Text], d...)
		}
		if len(words) != len(want[i].Tokens) {
			t.Fatalf("block %d: directives %v, CoreDNS finds %v", i, words, want[i].Tokens)
		}
		for name, tokens := range want[i].Tokens {
			for k, token := range tokens {
				if len(words[name]) != len(tokens) || words[name][k].Text != token.Text || words[name][k].Line != token.Line {
					t.Fatalf("block %d: %s is %v, CoreDNS finds %v", i, name, words[name], tokens)
				}
			}
		}
	}
}
