package private

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the system user Postgres runs as.
type account struct {
	drop     bool // this process is root and its child drops privileges
	uid, gid int
	// caps are the capabilities that the child keeps: at most the one that lets it
	// traverse folders closed to it.
	caps []uintptr
}

// nobody is the uid of the unprivileged user, for systems that do not name it.
const nobody = 65534

// chooseAccount picks the user, which must be able to reach all paths: our own
// or, as root, the owner of existing data, else "postgres", else "nobody".
func chooseAccount(data string, paths ...string) (account, error) {
	if os.Geteuid() != 0 {
		return account{uid: os.Geteuid(), gid: os.Getegid()}, nil
	}
	a := systemAccount()
	if info, err := os.Stat(data); err == nil {
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid != 0 {
			a.uid, a.gid = int(stat.Uid), int(stat.Gid)
		}
	}
	for _, path := range paths {
		closed, err := a.closedFolder(path)
		if err != nil {
			return account{}, err
		}
		if closed == "" {
			continue
		}
		if a.caps = searchCapability(); a.caps == nil {
			return account{}, fmt.Errorf("Postgres cannot run as root, and user %d may not enter %s: choose another data folder or run as a normal user", a.uid, closed)
		}
	}
	return a, nil
}

func systemAccount() account {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.Atoi(u.Uid)
		gid, errGID := strconv.Atoi(u.Gid)
		if errUID == nil && errGID == nil && uid > 0 {
			return account{drop: true, uid: uid, gid: gid}
		}
	}
	return account{drop: true, uid: nobody, gid: nobody}
}

// closedFolder returns the first folder on the way up from path that the account
// cannot traverse, or "".
func (a account) closedFolder(path string) (string, error) {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", fmt.Errorf("checking access to Postgres: %w", err)
	}
	for dir := path; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return "", fmt.Errorf("checking access to %s: %w", path, err)
		}
		bit := os.FileMode(0o001)
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			switch {
			case int(stat.Uid) == a.uid:
				bit = 0o100
			case int(stat.Gid) == a.gid:
				bit = 0o010
			}
		}
		if info.Mode()&bit == 0 {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", nil
		}
	}
}

// own makes the account the owner of a folder and closes it to others.
func (a account) own(dir string) error {
	if err := os.Chmod(dir, 0o700); err != nil { //nolint:gosec // a folder
		return fmt.Errorf("closing %s: %w", dir, err)
	}
	if !a.drop {
		return nil
	}
	if err := os.Chown(dir, a.uid, a.gid); err != nil {
		return fmt.Errorf("giving %s to Postgres: %w", dir, err)
	}
	return nil
}

// attributes start a child as the account, in its own process group: Ctrl-C in a
// terminal goes only to us, and we stop the child in turn.
func (a account) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if a.drop {
		attr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
	return attr
}
