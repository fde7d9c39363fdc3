package storage

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// formatVersion is the store format that this version writes, and the newest
// that it reads. It covers the keys, the records, and Pebble's own format.
const formatVersion = 1

// The names in a store's directory.
const (
	formatFile  = "FORMAT"  // text: formatPrefix and the version
	ballastFile = "BALLAST" // see ballast
	pebbleDir   = "db"      // Pebble's files
)

// formatPrefix begins the text of the format file. It is a file of its own so
// that a store can be refused before anything in it is touched.
const formatPrefix = "henge store format "

// checkFormat refuses a directory that this version cannot read, and marks a
// new one.
func checkFormat(fs vfs.FS, dir string) error {
	path := fs.PathJoin(dir, formatFile)
	text, err := readFile(fs, path)
	if errors.Is(err, os.ErrNotExist) {
		return markFormat(fs, dir, path)
	}
	if err != nil {
		return err
	}
	digits, ok := strings.CutPrefix(strings.TrimSpace(text), formatPrefix)
	version, err := strconv.Atoi(digits)
	switch {
	case !ok || err != nil || version < 1:
		return fmt.Errorf("%w: %s is %q, which is not what Henge writes", ErrFormat, path, text)
	case version > formatVersion:
		return fmt.Errorf("%w: %s holds a store of format %d, and this version of Henge reads formats up to %d: use a newer Henge",
			ErrFormat, dir, version, formatVersion)
	}
	return nil
}

// markFormat writes the format file of a new store.
func markFormat(fs vfs.FS, dir, path string) error {
	names, err := fs.List(fs.PathJoin(dir, pebbleDir))
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasPrefix(name, "MANIFEST-") {
			return fmt.Errorf("%w: %s has no file %s beside its data", ErrFormat, dir, formatFile)
		}
	}
	return writeFile(fs, dir, path, formatPrefix+strconv.Itoa(formatVersion)+"\n")
}

// readFile reads a small text file.
func readFile(fs vfs.FS, path string) (string, error) {
	f, err := fs.Open(path)
	if err != nil {
		return "", err
	}
	raw, err := io.ReadAll(io.LimitReader(f, 1<<10))
	return string(raw), errors.Join(err, f.Close())
}

// writeFile writes a file so that a crash leaves all of it or nothing.
func writeFile(fs vfs.FS, dir, path, text string) error {
	temporary := path + ".new"
	f, err := fs.Create(temporary, "henge-format")
	if err != nil {
		return err
	}
	_, err = f.Write([]byte(text))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := fs.Rename(temporary, path); err != nil {
		return err
	}
	return syncDir(fs, dir)
}

// syncDir makes the names in a directory durable.
func syncDir(fs vfs.FS, dir string) error {
	f, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// makeDirs makes dir and what is missing above it, and syncs each name.
func makeDirs(fs vfs.FS, dir string) error {
	if _, err := fs.Stat(dir); err == nil {
		return nil
	}
	parent := fs.PathDir(dir)
	if parent != dir {
		if err := makeDirs(fs, parent); err != nil {
			return err
		}
	}
	if err := fs.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return syncDir(fs, parent)
}
