// Package corefile turns a Corefile into the configuration of the node cache: one value that
// never changes. It reads files and opens nothing else.
//
//	Corefile --fill--> text --reader--> stanzas --builder--> Config
//	            |               |                   |
//	   __PILLAR__ variables     import, snippets,   a parser for each directive, led by its row
//	   (Options)                {$VAR}, {%VAR%}     in the table of grammar.go
//
// The Corefile is that of CoreDNS 1.15.0. The table says which directives and options there are,
// how many arguments they take, how often they may stand, what reads them, and what they do here
// that CoreDNS does not. A directive or an option that does nothing here is accepted, and leaves
// a Note. All other directives are errors that say what to do instead.
//
// These words are ours, and CoreDNS does not have them:
//
//	family ipv4                     AAAA is NODATA, as with template IN AAAA
//	cache { serve_stale off }       no stale answers
//	cache { cut off }               no NXDOMAIN cut
//	forward { follow NAME [PORT] }  the servers are the endpoints of a headless Service
//
// Stub domains of the kube-dns ConfigMap become blocks, as k8s-dns-node-cache makes them. An error
// reads FILE:LINE: directive: option: what is wrong, what was expected.
package corefile
