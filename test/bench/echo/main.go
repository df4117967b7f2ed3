// Command echo answers each query with the query itself, over the front that the express lane and
// the node cache have, at the address that its argument names. It shows what an answer would cost
// if nothing were looked up.
package main

import (
	"context"
	"log"
	"net/netip"
	"os"
	"os/signal"
	"syscall"

	"github.com/neardns/neardns/internal/listen"
)

func main() {
	addr, err := netip.ParseAddrPort(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	front, err := listen.Open(listen.Config{Addrs: []netip.AddrPort{addr}, DualStack: true})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	if err := front.Serve(ctx, echo); err != nil {
		log.Fatal(err)
	}
}

// echo returns the query with the QR bit (RFC 1035, section 4.1.1).
func echo(dst, query []byte, _ *listen.Client) []byte {
	dst = append(dst, query...)
	dst[2] |= 0x80 // dnsperf sends whole headers
	return dst
}
