// Command ours measures the neardns plugin.
package main

import (
	_ "github.com/coredns/coredns/plugin/bind"

	_ "github.com/neardns/neardns/plugin"
	"github.com/neardns/neardns/test/bench/meter"
)

func main() { meter.Main() }
