package main

import (
	"flag"
	"os"

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
	coremain.Run()
}
