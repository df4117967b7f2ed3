// Command stock measures the plugin that comes with CoreDNS.
package main

import (
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/kubernetes"

	"github.com/neardns/neardns/test/bench/meter"
)

func main() { meter.Main() }
