package fences

import (
	"slices"
	"strings"
	"testing"
)

// arrows are the packages that those of the node cache may import of this module, themselves
// or by what they import.
var arrows = map[string][]string{
	"internal/clock":      nil,
	"internal/cookie":     nil,
	"internal/image":      nil,
	"internal/image/make": {"internal/image"},
	"internal/listen":     nil,
	"internal/logqueue":   nil,
	"internal/tally":      {"internal/wire"},
	"internal/testkit":    {"internal/wire"},
	"internal/wire":       nil,
	"nodecache/admin":     {"internal/listen"},
	"nodecache/budget":    {"internal/listen"},
	"nodecache/cache":     {"internal/wire"},
	"nodecache/corefile": {"internal/clock", "internal/wire", "nodecache/cache", "nodecache/hosts", "nodecache/querylog",
		"nodecache/upstream"},
	"nodecache/forward": {"internal/clock", "internal/wire", "nodecache/cache", "nodecache/corefile", "nodecache/hosts",
		"nodecache/querylog", "nodecache/upstream"},
	"nodecache/hosts":         {"internal/wire"},
	"nodecache/hostnet":       {"nodecache/hostnet/nft", "nodecache/hostnet/probe"},
	"nodecache/hostnet/nft":   nil,
	"nodecache/hostnet/probe": nil,
	"nodecache/intercept": {"internal/clock", "internal/listen", "internal/tally", "internal/wire", "nodecache/cache", "nodecache/hostnet",
		"nodecache/hostnet/nft", "nodecache/hostnet/probe", "nodecache/metrics", "nodecache/selfcheck", "nodecache/upstream"},
	"nodecache/metrics":  {"internal/clock", "internal/listen", "internal/tally", "internal/wire", "nodecache/cache", "nodecache/upstream"},
	"nodecache/probe":    {"internal/wire", "nodecache/selfcheck"},
	"nodecache/querylog": {"internal/wire"},
	"nodecache/resolve": {"internal/clock", "internal/cookie", "internal/listen", "internal/tally", "internal/wire", "nodecache/cache",
		"nodecache/hosts", "nodecache/querylog", "nodecache/upstream"},
	"nodecache/selfcheck": {"internal/wire"},
	"nodecache/upstream":  {"internal/clock", "internal/wire"},
}

// outside are packages of others that none of these may import.
var outside = map[string]string{
	"github.com/coredns/":  "no server's types; of Corefiles the parser only",
	"github.com/miekg/dns": "messages are bytes from the front to upstream; none is unpacked",
	"k8s.io/":              "the node cache needs no API",
	"sigs.k8s.io/":         "the node cache needs no API",
}

// binary is what the whole of the program may not have in it.
var binary = map[string]string{
	"github.com/google/go-containerregistry": "images are built beside the programs, not by them",
	"github.com/coredns/":                    "the node cache is no CoreDNS; of Corefiles the parser only",
	"k8s.io/":                                "the node cache needs no API",
	"sigs.k8s.io/":                           "the node cache needs no API",
}

// parser reads Corefiles. It is the one package of CoreDNS's that the node cache has.
const parser = "github.com/coredns/caddy/caddyfile"

func TestNodeCache(t *testing.T) {
	for of, own := range arrows {
		imports := list(t, "-deps", "./../../"+of)
		if of == "nodecache/corefile" || slices.Contains(own, "nodecache/corefile") {
			imports = without(imports, parser)
		}
		check(t, of, outside, imports)
		for _, path := range imports {
			path, ours := strings.CutPrefix(path, module)
			if ours && path != of && !slices.Contains(own, path) {
				t.Errorf("%s imports %s: against the arrows, which only point down", of, path)
			}
		}
	}
	check(t, "cmd/nodecache", binary, without(list(t, "-deps", "./../../cmd/nodecache"), parser))
}

// TestArrows shows that no package is without a fence.
func TestArrows(t *testing.T) {
	for _, path := range list(t, "./../../internal/...", "./../../nodecache/...") {
		of := strings.TrimPrefix(path, module)
		if _, found := arrows[of]; !found && of != "nodecache" {
			t.Errorf("%s: say in arrows what it may import", of)
		}
	}
}

func without(imports []string, path string) []string {
	return slices.DeleteFunc(imports, func(p string) bool { return p == path })
}
