package main

import (
	"flag"
	"os"
	"os/signal"
	"syscall"

	"github.com/coredns/coredns/coremain"
	"github.com/miekg/dns"
)

func main() {
	only := flag.Bool("check", false, "Read the Corefile, start nothing, and say what is refused and what differs from stock CoreDNS")
	flag.Parse()
	if *only {
		os.Exit(check(os.Stdout, os.Stderr))
	}
	dns.DefaultMsgAcceptFunc = accept
	surviveLostLog()
	coremain.Run()
}

// surviveLostLog keeps a standard output without a reader, as while journald restarts, from
// ending the process: the runtime ends it for SIGPIPE unless somebody is told of that. To ignore
// the signal would have the commands of the directive `on` ignore it too.
func surviveLostLog() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }
