package upstream

import "errors"

// Errors of Exchange. All but errQuery and ErrBusy mean that no server answered.
var (
	errQuery    = errors.New("upstream: no valid name to ask for, or a query of more than 65,535 bytes")
	errNoServer = errors.New("upstream: no server to ask")
	ErrBusy     = errors.New("upstream: too many queries at a time")
	ErrTimeout  = errors.New("upstream: no answer in time")
	ErrClosed   = errors.New("upstream: closed")
)

// Why a connection ended, other than by what the network says.
var (
	errIdle    = errors.New("idle")
	errOld     = errors.New("aged out")
	errSilent  = errors.New("silent")
	errGarbage = errors.New("garbage")
	errRemoved = errors.New("server removed")
)

// opError is what went wrong between us and one server.
type opError struct {
	Op     string // dial, read, write, receive, check, close
	Server Endpoint
	Err    error
}

func (e *opError) Error() string {
	return "upstream: " + e.Op + " " + e.Server.Addr.String() + ": " + e.Err.Error()
}

// Unwrap returns Err.
func (e *opError) Unwrap() error { return e.Err }
