package cluster

import (
	"os"
	"os/exec"
	"syscall"
)

// dieWithParent makes the kernel kill the child when its parent ends, for
// whatever reason.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// lock locks the file. It waits while another process holds the lock, which ends
// when the file is closed or the process ends.
func lock(file *os.File) error {
	for {
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != syscall.EINTR {
			return err
		}
	}
}
