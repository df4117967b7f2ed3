package main

import (
	"github.com/coredns/caddy"
	"github.com/coredns/coredns/plugin"
)

// init registers k8s_external, so that the error for a Corefile with it says why it is not here.
// CoreDNS knows no other way to learn of a plugin.
func init() { plugin.Register("k8s_external", refuseExternal) }

func refuseExternal(c *caddy.Controller) error {
	c.Next()
	return c.Err("k8s_external is not in this program, as it needs the stock kubernetes plugin, whose place ours takes; serve its zone with stock CoreDNS")
}
