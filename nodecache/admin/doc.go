// Package admin serves what operators ask over HTTP: metrics, health, profiles. Its ports
// are shared (SO_REUSEPORT), so that two processes can run during an upgrade; which of them
// answers a request is the kernel's choice.
package admin
