package jepsen

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// A map to tests that are not there would be worse than none.
func TestTheTestsThatTheReadmeNamesExist(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([a-z/]+)\\.(Test[A-Za-z0-9]+)`").FindAllSubmatch(readme, -1)
	if len(named) < 50 {
		t.Errorf("the README names %d tests; was its form changed?", len(named))
	}
	for _, name := range named {
		folder := string(name[1])
		if folder == "henge" { // the root package
			folder = ""
		}
		files, err := filepath.Glob(filepath.Join("..", folder, "*_test.go"))
		if err != nil || len(files) == 0 {
			t.Errorf("%s has no tests: %v", name[1], err)
		}
		declared := regexp.MustCompile(`(?m)^func ` + string(name[2]) + `\(`)
		found := false
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			found = found || declared.Match(source)
		}
		if !found {
			t.Errorf("%s has no %s", name[1], name[2])
		}
	}
}
