package apiproxy

import "time"

// Event is what a watch says about one object.
type Event struct {
	Resource  string // plural: services
	Type      string // ADDED, MODIFIED, DELETED, BOOKMARK or ERROR
	Namespace string // empty for objects without a namespace, bookmarks and errors
	Name      string // empty for bookmarks and errors

	// Initial says that the event is part of a streamed list (KEP-3157), or the bookmark that ends it.
	Initial bool
}

// Rule says what becomes of an event. No two calls of a proxy's rules overlap.
type Rule func(Event) Action

// Action is what becomes of an event. The zero value lets it pass.
type Action struct {
	what  what
	delay time.Duration
}

// what is the kind of an Action.
type what int

const (
	pass what = iota
	swallow
	duplicate
	reorder
	freeze
)

// The actions besides Delay.
var (
	Pass      = Action{}
	Swallow   = Action{what: swallow}   // it never arrives
	Duplicate = Action{what: duplicate} // it arrives twice
	Reorder   = Action{what: reorder}   // it arrives after the next event of the same watch, bookmarks aside
	Freeze    = Action{what: freeze}    // the watch stays open, and nothing arrives any more, nor its end
)

// Delay lets an event pass, that much later. Later events of the same watch wait behind it.
func Delay(d time.Duration) Action { return Action{delay: d} }

// Live applies an action to all events but those of streamed lists, which pass.
func Live(a Action) Rule {
	return func(e Event) Action {
		if e.Initial {
			return Pass
		}
		return a
	}
}
