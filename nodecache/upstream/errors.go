package upstream

import "errors"

// Errors of Exchange. All but ErrQuery and ErrBusy mean that no server answered.
var (
	ErrQuery    = errors.New("upstream: not a query with one question")
	ErrBusy     = errors.New("upstream: too many queries at a time")
	ErrTimeout  = errors.New("upstream: no answer in time")
	ErrNoServer = errors.New("upstream: no server to ask")
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

// OpError is what went wrong between us and one server.
type OpError struct {
	Op     string // dial, read, write, receive, check, close
	Server Endpoint
	Err    error
}

func (e *OpError) Error() string {
	return "upstream: " + e.Op + " " + e.Server.Addr.String() + ": " + e.Err.Error()
}

// Unwrap returns Err.
func (e *OpError) Unwrap() error { return e.Err }
