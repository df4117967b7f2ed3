package corefile

// differences returns what the directive, which has been read, does here and not in CoreDNS
// 1.15.0, for those who come from there. Each text says how to have it as it was, if that is
// possible.
func (d *directive) differences() []string {
	switch d.name {
	case "cache":
		return d.block.Cache.differences()
	case "forward":
		return d.block.Forwards[len(d.block.Forwards)-1].differences()
	case "loop":
		return []string{"an upstream that leads back here is set aside and reported; the process goes on"}
	case "log":
		return []string{"entries are structured (-log-format), and dropped rather than waited for"}
	case "health":
		return []string{"asks every socket of this process; its port may be shared with a second process during an upgrade"}
	case "reload":
		return []string{"a changed Corefile is taken in without losing a query, a connection or what is cached"}
	}
	return nil
}

func (c *Cache) differences() (all []string) {
	if c.Stale.Mode == StaleDefault {
		all = append(all, "while an upstream is out, names outside the cluster are answered from what has expired, for an hour at most; serve_stale off switches it off")
	}
	if !c.CutOff {
		all = append(all, "names below one that does not exist, of a namespace that does, are denied without asking (RFC 8020); cut off switches it off")
	}
	if p := c.Policy.Prefetch; p.Amount == prefetchHits {
		all = append(all, "names asked for ten times, never a minute apart, are asked for again before they expire; prefetch 0 switches it off")
	}
	if c.Policy.ServFail == newCache().Policy.ServFail {
		all = append(all, "a SERVFAIL is kept for 1 s at first instead of 5 s; servfail 5s has it as it was")
	}
	return append(all,
		"no answer of an upstream is passed on as authoritative, the first one included",
		"ANY over UDP is answered with one set of records (RFC 8482), over TCP with all",
	)
}

func (f *Forward) differences() []string {
	return []string{"over TCP and TLS, a server gets at most 4 connections, each for many queries at a time, and a query without an answer is asked again elsewhere within some 100 ms"}
}
