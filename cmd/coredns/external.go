package main

import (
	"github.com/coredns/caddy"
	"github.com/coredns/coredns/plugin"
)

// init registers k8s_external, so that a Corefile with it is told why it is not here. CoreDNS
// knows plugins by nothing but such a registration.
func init() { plugin.Register("k8s_external", refuseExternal) }

func refuseExternal(c *caddy.Controller) error {
	c.Next()
	return c.Err("k8s_external is not in this program, as it needs the stock kubernetes plugin, whose place ours takes; serve its zone with stock CoreDNS")
}
