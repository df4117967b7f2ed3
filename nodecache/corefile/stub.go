package corefile

import (
	"maps"
	"slices"
	"strconv"

	"github.com/coredns/caddy/caddyfile"
)

// stubFile stands for a file in errors about stub domains.
const stubFile = "kube-dns ConfigMap, stubDomains"

// stubs returns a server block for each stub domain, in the order of their names:
//
//	NAME:PORT {
//	    errors
//	    cache 30
//	    bind LOCALIPS
//	    forward . SERVERS
//	}
func (o *Options) stubs() []stanza {
	var all []stanza
	for i, name := range slices.Sorted(maps.Keys(o.StubDomains)) {
		line := func(words ...string) []caddyfile.Token { return tokensOf(i+1, words) }
		s := stanza{keys: line(name + ":" + strconv.Itoa(int(o.Port)))}
		s.directives = [][]caddyfile.Token{line("errors"), line("cache", "30")}
		if len(o.LocalIPs) > 0 {
			bind := []string{"bind"}
			for _, a := range o.LocalIPs {
				bind = append(bind, a.String())
			}
			s.directives = append(s.directives, line(bind...))
		}
		s.directives = append(s.directives, line(append([]string{"forward", "."}, o.StubDomains[name]...)...))
		all = append(all, s)
	}
	return all
}

func tokensOf(line int, words []string) []caddyfile.Token {
	tokens := make([]caddyfile.Token, len(words))
	for i, w := range words {
		tokens[i] = caddyfile.Token{File: stubFile, Line: line, Text: w}
	}
	return tokens
}
