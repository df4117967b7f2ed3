package hostnet

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Error says in one line what can't be had, why, and what helps. Where Open returns one, the
// node is as it was.
type Error struct {
	What   string
	Err    error
	Remedy string // may be empty
}

// Error joins the three.
func (e *Error) Error() string {
	s := e.What + ": " + e.Err.Error()
	if e.Remedy != "" {
		s += "; " + e.Remedy
	}
	return s
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// explain makes an Error of one that the kernel returned for what. It leaves an Error as it is.
func explain(what string, err error) error {
	var known *Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return &Error{what, err, remedy(err)}
}

func remedy(err error) string {
	if errors.Is(err, unix.EPERM) {
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
