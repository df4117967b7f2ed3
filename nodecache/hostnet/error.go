package hostnet

import (
	"errors"

	"golang.org/x/sys/unix"
)

// fault says in one line what the node can't have, why, and what helps.
type fault struct {
	what   string
	err    error
	remedy string // may be empty
}

func (f *fault) Error() string {
	s := f.what + ": " + f.err.Error()
	if f.remedy != "" {
		s += "; " + f.remedy
	}
	return s
}

func (f *fault) Unwrap() error { return f.err }

// explain makes a fault of an error that the kernel returned for what. It leaves a fault as it is.
func explain(what string, err error) error {
	var known *fault
	if err == nil || errors.As(err, &known) {
		return err
	}
	return &fault{what, err, remedy(err)}
}

// remedy returns what helps against err, if we know that.
func remedy(err error) string {
	var known interface{ Remedy() string }
	switch {
	case errors.As(err, &known):
		return known.Remedy()
	case errors.Is(err, unix.EPERM):
		return "grant the capability NET_ADMIN"
	}
	return ""
}

// isAny reports whether err is one of errnos.
func isAny(err error, errnos ...unix.Errno) bool {
	for _, errno := range errnos {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}
