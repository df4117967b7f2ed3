// Package corefile turns a Corefile into the configuration of the node cache: one value that
// never changes. It reads files and opens nothing else.
//
//	Corefile --fill--> text --reader--> stanzas --builder--> Config
//	            |               |                   |
//	   __PILLAR__ variables     import, snippets,   a method of directive for each directive;
//	   (Options)                {$VAR}, {%VAR%}     what means nothing here leaves a Note
//
// The Corefile is CoreDNS 1.15.0's, with these directives:
//
//	bind, bufsize, cache, debug,    in a server block: fields of Block
//	errors, forward, hosts, log,
//	loop, prometheus
//	health, pprof, ready, reload    of the process, whichever block has them: fields of Config
//	template IN AAAA                only with rcode NOERROR and no records: Block.IPv4Only
//	loadbalance, timeouts,          accepted, with a Note
//	trace, whoami
//	any other                       an error that says what to do instead
//
// and these words of our own:
//
//	family ipv4                     AAAA is NODATA, as the template above
//	cache { serve_stale off }       no stale answers
//	cache { cut off }               no NXDOMAIN cut
//	forward { follow NAME [PORT] }  the servers are the endpoints of a headless Service
//
// Blocks of the kube-dns ConfigMap's stub domains are added as k8s-dns-node-cache adds them.
// An error reads FILE:LINE: directive: option: what is wrong, what was expected.
package corefile
