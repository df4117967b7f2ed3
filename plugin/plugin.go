// Package kubernetes is a CoreDNS plugin.
package kubernetes
