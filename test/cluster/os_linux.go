package cluster

import (
	"os"
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel kill the child when its parent ends, however
// that comes about.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// lock waits until no other process holds the lock of the file. The lock ends
// with the file or the process.
func lock(file *os.File) error {
	for {
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != syscall.EINTR {
			return err
		}
	}
}
