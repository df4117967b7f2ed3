package manifests

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// enterEnv tells Enter what to become.
const enterEnv = "MANIFESTS_TEST_CONTAINER"

// entry is what a container's first process needs to know.
type entry struct {
	Root, Program string
	Container     *Container
}

// Command returns a command that runs a program in the folder root as the container c. It writes
// the container's files there. The command executes this test binary, whose TestMain must begin
// with Enter. It needs root.
func (c *Container) Command(root, program string, args ...string) (*exec.Cmd, error) {
	for path, text := range c.Files {
		if err := writeFile(filepath.Join(root, path), text); err != nil {
			return nil, err
		}
	}
	inside := *c
	inside.Args = args
	text, err := json.Marshal(entry{root, program, &inside})
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self)
	cmd.Env = []string{enterEnv + "=" + string(text)}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	return cmd, nil
}

func writeFile(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

// Enter becomes the program that Command was given, if this process comes from there. It does what
// runc does: see its libcontainer/init_linux.go and standard_init_linux.go.
func Enter() {
	text := os.Getenv(enterEnv)
	if text == "" {
		return
	}
	runtime.LockOSThread() // rights are a thread's
	var e entry
	err := json.Unmarshal([]byte(text), &e)
	if err == nil {
		err = e.mount()
	}
	if err == nil {
		err = e.Container.drop()
	}
	if err == nil {
		err = &os.PathError{Op: "execute", Path: e.Program, Err: syscall.Exec(e.Program, append([]string{e.Program}, e.Container.Args...), e.Container.Env)}
	}
	fmt.Fprintln(os.Stderr, "entering a container:", err)
	os.Exit(1)
}

// mount makes the root folder the root, with /proc in it and the node's folders.
func (e *entry) mount() error {
	err := errors.Join(
		unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""),
		unix.Mount(e.Root, e.Root, "", unix.MS_BIND|unix.MS_REC, ""))
	for _, path := range append([]string{"/proc"}, e.Container.Host...) {
		err = errors.Join(err, share(path, filepath.Join(e.Root, path)))
	}
	for _, path := range e.Container.Empty {
		err = errors.Join(err, empty(filepath.Join(e.Root, path)))
	}
	if e.Container.ReadOnly {
		err = errors.Join(err, unix.Mount("", e.Root, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
	}
	if err != nil {
		return err
	}
	return errors.Join(unix.Chroot(e.Root), os.Chdir("/"))
}

// empty makes a folder of the root's a mount of its own, which stays writable if the root is not. What
// is in it stays for the next container with the same root.
func empty(at string) error {
	return errors.Join(os.MkdirAll(at, 0o755), os.Chmod(at, 0o777), unix.Mount(at, at, "", unix.MS_BIND, ""))
}

// share mounts a folder of the node. For a file it puts an empty one.
func share(path, at string) error {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return writeFile(at, "")
	}
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	return unix.Mount(path, at, "", unix.MS_BIND|unix.MS_REC, "")
}

// numbers are the numbers of capabilities (linux/capability.h).
var numbers = map[string]uint{
	"CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "FSETID": 4, "KILL": 5, "SETGID": 6, "SETUID": 7, "SETPCAP": 8,
	"NET_BIND_SERVICE": 10, "NET_ADMIN": 12, "NET_RAW": 13, "SYS_CHROOT": 18, "MKNOD": 27, "AUDIT_WRITE": 29, "SETFCAP": 31,
}

// drop becomes the user, with the capabilities and never with more: a file's capabilities must be
// among them.
func (c *Container) drop() error {
	var kept uint32
	for _, name := range c.Capabilities {
		n, ok := numbers[name]
		if !ok {
			return fmt.Errorf("capability %s is not known here", name)
		}
		kept |= 1 << n
	}
	for n := uint(0); n <= unix.CAP_LAST_CAP; n++ {
		if n < 32 && kept&(1<<n) != 0 {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(n), 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) {
			return err
		}
	}
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
		return err
	}
	err := errors.Join(thread(unix.SYS_SETGROUPS, 0, 0), thread(unix.SYS_SETRESGID, c.Group, c.Group), thread(unix.SYS_SETRESUID, c.User, c.User))
	if err != nil {
		return err
	}
	header, data := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, [2]unix.CapUserData{{Effective: kept, Permitted: kept}}
	if err := unix.Capset(&header, &data[0]); err != nil {
		return err
	}
	if c.NoEscalation {
		return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	}
	return nil
}

// thread makes a system call that concerns this thread only. The thread then executes the program.
func thread(call uintptr, a, b int) error {
	if _, _, errno := unix.RawSyscall(call, uintptr(a), uintptr(b), uintptr(b)); errno != 0 {
		return errno
	}
	return nil
}
