package mutants

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// double is a module whose one mechanism has one test; the second test sees nothing.
var double = map[string]string{
	"go.mod":             "module double\n\ngo 1.26\n",
	"double.go":          "package double\n\nfunc double(n int) int { return n + n }\n",
	"testdata/seeds/old": "1\n",
	"testdata/want":      "6",
	"double_test.go": `package double

import (
	"os"
	"strconv"
	"testing"
)

func TestDouble(t *testing.T) {
	want, err := os.ReadFile("testdata/want")
	if err != nil {
		t.Fatal(err)
	}
	if got := strconv.Itoa(double(3)); got != string(want) {
		t.Errorf("double(3) = %s", got)
	}
	if _, err := os.Stat("testdata/seeds/old"); err == nil {
		t.Fatal("the seeds of other bugs are here")
	}
	if err := os.WriteFile("testdata/kept", nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestNothing(*testing.T) {}
`,
}

// module writes the files of double.
func module(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range double {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestARowProvesSomethingOnlyIfItsCatcherFailsAsItSays(t *testing.T) {
	root := module(t)
	good := Mutant{File: "double.go", Old: "n + n", New: "n * n", Package: ".", Run: "TestDouble"}
	for name, tc := range map[string]struct {
		change func(*Mutant)
		want   error
		says   string
	}{
		"the catcher names itself":        {func(*Mutant) {}, nil, ""},
		"the catcher says what is wanted": {func(m *Mutant) { m.Want = "double(3) = 9" }, nil, ""},
		"nobody sees it":                  {func(m *Mutant) { m.Run = "TestNothing" }, ErrSurvived, "TestNothing"},
		"it changes nothing that matters": {func(m *Mutant) { m.New = "2 * n" }, ErrSurvived, "TestDouble"},
		"it is no program":                {func(m *Mutant) { m.New = "n +" }, ErrBuild, "syntax error"},
		"another verdict was expected":    {func(m *Mutant) { m.Want = "lost: invalid" }, ErrMissed, "double(3) = 9"},
		"it crashes its catcher":          {func(m *Mutant) { m.New = "[]int{}[n]" }, ErrMissed, "index out of range"},
		"the catcher is gone":             {func(m *Mutant) { m.Run = "TestGone" }, ErrMissed, "no test of . is named TestGone"},
		"the old text is gone":            {func(m *Mutant) { m.Old = "n - n" }, ErrText, "0 times"},
		"the old text is there twice":     {func(m *Mutant) { m.Old = "n" }, ErrText, "times"},
		"the new text is the old one":     {func(m *Mutant) { m.New = m.Old }, ErrText, "1 times"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := good
			tc.change(&m)
			err := m.Try(t.Context(), root, t.TempDir())
			if !errors.Is(err, tc.want) || err != nil && !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%v; want %v with %q", err, tc.want, tc.says)
			}
		})
	}
}

// What the catcher writes goes into its own folder.
func TestTheTreeIsNotTouched(t *testing.T) {
	root := module(t)
	if err := (Control{Package: ".", Run: []string{"TestDouble", "TestNothing"}}).Check(t.Context(), root, t.TempDir()); err != nil {
		t.Errorf("a control that passes: %v", err)
	}
	if _, err := os.Stat(filepath.Join(root, "testdata", "kept")); err == nil {
		t.Error("the catcher wrote into the tree")
	}
	if raw, err := os.ReadFile(filepath.Join(root, "double.go")); err != nil || string(raw) != double["double.go"] {
		t.Errorf("the source is now %q, %v", raw, err)
	}
}

func TestAControlThatFailsOrIsGoneIsTold(t *testing.T) {
	root := module(t)
	if err := os.WriteFile(filepath.Join(root, "testdata", "want"), []byte("7"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"TestDouble": "fails without a mutant", "TestGone": "no test of . is named"} {
		err := Control{Package: ".", Run: []string{name}}.Check(t.Context(), root, t.TempDir())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", name, err, want)
		}
	}
	err := Control{Package: ".", Run: []string{"TestNothing", "TestGone"}}.Check(t.Context(), root, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "has no test TestGone") {
		t.Errorf("one of two is gone: %v", err)
	}
}

func TestControlsGatherWhatRunsAlike(t *testing.T) {
	seeds := []string{"HENGE_SEEDS=1"}
	got := Controls([]Mutant{
		{Package: "a", Run: "TestX"}, {Package: "b", Run: "TestX"}, {Package: "a", Run: "TestY"},
		{Package: "a", Run: "TestX"}, {Package: "a", Run: "TestX", Env: seeds},
	})
	want := []Control{{"a", []string{"TestX", "TestY"}, nil}, {"b", []string{"TestX"}, nil}, {"a", []string{"TestX"}, seeds}}
	if !slices.EqualFunc(got, want, func(a, b Control) bool {
		return a.Package == b.Package && slices.Equal(a.Run, b.Run) && slices.Equal(a.Env, b.Env)
	}) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
