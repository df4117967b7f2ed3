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

// surviveLostLog lets the process go on when nobody reads its standard output, as while journald
// restarts. Without it, the runtime ends the process for SIGPIPE. Ignoring the signal is no way:
// the commands of the directive `on` would inherit that.
func surviveLostLog() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }
