package mutants

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

// atOnce is how many builds and catchers run side by side: each keeps a core busy.
const atOnce = 2

// root is the module's. Every folder is listed on the way: so go test knows that the
// result is about all of these files, and does not repeat an old one.
func root(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(root, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == ".git" {
			return fs.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// chosen are the rows to run now.
func chosen() []Mutant {
	rows, word := Table(), os.Getenv("HENGE_MUTANTS")
	return slices.DeleteFunc(rows, func(m Mutant) bool {
		switch word {
		case "":
			return !m.Quick
		case "all":
			return false
		}
		return !strings.Contains(m.Name, word)
	})
}

func TestEveryRowFitsTheTree(t *testing.T) {
	root, names := root(t), make(map[string]bool)
	for _, m := range Table() {
		if _, err := m.Source(root); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
		if m.Name == "" || m.Rule == "" || m.Package == "" || m.Run == "" || names[m.Name] {
			t.Errorf("row %+v: a name is there twice, or something is left empty", m)
		}
		names[m.Name] = true
	}
}

func TestMutantsAreCaught(t *testing.T) {
	root, rows := root(t), chosen()
	if len(rows) == 0 {
		t.Fatal("no row is chosen")
	}
	slots := make(chan struct{}, atOnce)
	inSlot := func(t *testing.T, name string, f func(t *testing.T)) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slots <- struct{}{}
			defer func() { <-slots }()
			f(t)
		})
	}
	var mu sync.Mutex
	told := make(map[string]string)
	t.Run("rows", func(t *testing.T) {
		for _, c := range Controls(rows) {
			inSlot(t, "control of "+c.Package+" "+strings.Join(c.Env, " "), func(t *testing.T) {
				if err := c.Check(t.Context(), root, t.TempDir()); err != nil {
					t.Error(err)
				}
			})
		}
		for _, m := range rows {
			inSlot(t, m.Name, func(t *testing.T) {
				began, by := time.Now(), strings.TrimSpace(m.Run+" "+m.Want)
				if err := m.Try(t.Context(), root, t.TempDir()); err != nil {
					by = "NOBODY"
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				told[m.Name] = fmt.Sprintf("%s\t%s\t%.1f s", m.Package, by, time.Since(began).Seconds())
			})
		}
	})
	t.Logf("%d of %d rows were run (HENGE_MUTANTS=all runs every one)\n%s", len(rows), len(Table()), table(rows, told))
}

// table prints who caught what.
func table(rows []Mutant, told map[string]string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, m := range rows {
		_, _ = fmt.Fprintf(w, "%s\t%s\n", m.Name, told[m.Name]) // a Builder takes it
	}
	_ = w.Flush()
	return b.String()
}
