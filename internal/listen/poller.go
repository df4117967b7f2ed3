package listen

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// poller is an epoll set that the Go runtime's poller watches. That works because an epoll
// descriptor is itself readable when something in its set is ready, epoll(7). So thousands of
// connections need one goroutine, and no thread of their own while nothing happens.
type poller struct {
	fd     int
	file   *os.File
	conn   syscall.RawConn
	events [128]unix.EpollEvent
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		closeFD(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	p := &poller{fd: fd}
	if p.file, p.conn, err = pollFile(fd, "epoll"); err != nil {
		return nil, err
	}
	return p, nil
}

// pollFile hands fd, which must be non-blocking, to the runtime's poller. If it fails, it closes
// fd.
func pollFile(fd int, name string) (*os.File, syscall.RawConn, error) {
	file := os.NewFile(uintptr(fd), name)
	conn, err := file.SyscallConn()
	if err == nil {
		err = file.SetReadDeadline(time.Time{}) // os.ErrNoDeadline if the poller has not taken it
	}
	if err != nil {
		file.Close()
	}
	return file, conn, err
}

// add watches fd for events, and for errors, until it is closed. Its events carry mark.
func (p *poller) add(fd int, mark int32, events uint32) syscall.Errno {
	return epollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd), Pad: mark})
}

// watch changes the events that fd is watched for.
func (p *poller) watch(fd int, mark int32, events uint32) {
	epollCtl(p.fd, unix.EPOLL_CTL_MOD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd), Pad: mark})
}

// remove stops watching fd.
func (p *poller) remove(fd int) { epollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, &unix.EpollEvent{}) }

// ready returns the events that are ready now. The next call overwrites them.
func (p *poller) ready() []unix.EpollEvent { return p.events[:epollWait(p.fd, p.events[:])] }

// run calls turn whenever something may be ready. It returns at the time that until has set.
func (p *poller) run(turn func()) {
	p.conn.Read(func(uintptr) bool { turn(); return false })
}

// until sets when run returns; the zero time is never.
func (p *poller) until(t time.Time) { p.file.SetReadDeadline(t) }

func (p *poller) close() { p.file.Close() }
