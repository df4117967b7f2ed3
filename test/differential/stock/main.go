// Command stock is CoreDNS as its makers ship it: every plugin of theirs, the
// stock kubernetes plugin among them. It is what neardns is compared with, in
// what it answers and in how fast.
package main

import (
	_ "github.com/coredns/coredns/core/plugin" // Registers every plugin.
	"github.com/coredns/coredns/coremain"
)

func main() {
	coremain.Run()
}
