//go:build !linux

package kubernetes

import "github.com/coredns/coredns/core/dnsserver"

// none is no sockets. judge switches the lane off on other systems than Linux.
type none struct{}

func newBeside(*plan) beside { return none{} }

func (none) Serve(*dnsserver.Server) {}
func (none) Replaced()               {}
func (none) Stop()                   {}
