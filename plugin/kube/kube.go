package kube

import (
	"time"

	"github.com/neardns/neardns/plugin/object"
	"github.com/neardns/neardns/plugin/zone"
)

// Config says what to follow, and where it goes.
type Config struct {
	Access Access

	// Namespaces are those to follow, all if empty. With some given, nothing is ever
	// asked of other namespaces or of all at once, so that the rights to these suffice.
	Namespaces []string
	// NamespaceLabels selects namespaces, Labels selects Services, Pods and
	// EndpointSlices. Both are label selectors, and valid.
	NamespaceLabels, Labels string

	Endpoints bool // follow EndpointSlices
	Pods      bool // follow Pods
	Imports   bool // follow ServiceImports and their EndpointSlices (KEP-1645)

	Translator *object.Translator
	Writer     *zone.Writer
	Log        Logger

	// Programmed, if set, is called after an EndpointSlice that a watch has brought was
	// written. The trigger is the time of the change that made it necessary, as the
	// endpoints controller noted it down (endpoints.kubernetes.io/last-change-trigger-time).
	Programmed func(key zone.Key, set zone.Set, trigger time.Time)
}

// Logger is where a Source tells how it fares. It must be safe for concurrent use.
type Logger interface {
	Infof(format string, args ...any)
	Warningf(format string, args ...any)
	Errorf(format string, args ...any)
}
