package metrics

import (
	"crypto/sha512"
	"encoding/hex"
	"time"
)

// Setup is a thing that may fail to be set up.
type Setup uint8

// What may fail, by the names that kubernetes/dns gave it.
const (
	Rules          Setup = iota // rules against connection tracking
	RulesLocked                 // the same, as another process holds them
	InterfaceAdd                // the network interface
	InterfaceCheck              // the same, later
	ConfigMap                   // the Corefile, from its template and the kube-dns ConfigMap
	setups
)

// String returns the value of the label `errortype`.
func (s Setup) String() string {
	return [...]string{"iptables", "iptables_lock", "interface_add", "interface_check", "configmap"}[s]
}

// SetupFailed counts a failure to set something up.
func (o *Own) SetupFailed(what Setup) { o.setupErrors.WithLabelValues(what.String()).Inc() }

// LoopFound tells that queries of zone sent to an upstream come back, or that they no longer do.
func (o *Own) LoopFound(zone, to string, found bool) {
	if found {
		o.loops.WithLabelValues(valid(zone), valid(to)).Set(1)
		return
	}
	o.loops.DeleteLabelValues(valid(zone), valid(to))
}

// HostsRead tells that a hosts file was read: its entries and the inline ones, and when it was
// last changed.
func (o *Own) HostsRead(path string, entries int, changed time.Time) {
	o.hostsEntries.WithLabelValues(valid(path)).Set(float64(entries))
	o.hostsTime.Set(float64(changed.UnixNano()) / 1e9)
}

// Reloaded tells that a changed Corefile was taken in, by its hash.
func (o *Own) Reloaded(sum [sha512.Size]byte) {
	o.reloaded.Reset()
	o.reloaded.WithLabelValues("sha512", hex.EncodeToString(sum[:])).Set(1)
}

// Impairment is why queries would not go to the cluster DNS at once if this process died.
type Impairment uint8

// What impairs.
const (
	Fallback  Impairment = iota // the kernel lacks a part: some seconds pass
	Leftovers                   // another node-local cache has left a device or rules
	impairments
)

// String returns the value of the label `by`.
func (i Impairment) String() string { return [...]string{"fallback", "leftovers"}[i] }

// Intercepting tells whether queries of pods come here.
func (o *Own) Intercepting(active bool) { o.intercepting.Set(truth(active)) }

// HostMode tells what holds the addresses and the rules.
func (o *Own) HostMode(device, table string) { o.hostMode.WithLabelValues(device, table).Set(1) }

// FailOpenImpaired tells whether something would keep queries from the cluster DNS.
func (o *Own) FailOpenImpaired(by Impairment, impaired bool) {
	o.impaired.WithLabelValues(by.String()).Set(truth(impaired))
}

// truth is 1 or 0.
func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
