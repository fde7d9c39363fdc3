package mutants

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Control is the catchers of one package that run alike, over the true source.
type Control struct {
	Package string
	Run     []string
	Env     []string
}

// Controls gathers what must pass before the rows prove anything.
func Controls(rows []Mutant) []Control {
	var controls []Control
	for _, m := range rows {
		i := slices.IndexFunc(controls, func(c Control) bool { return c.Package == m.Package && slices.Equal(c.Env, m.Env) })
		if i < 0 {
			i, controls = len(controls), append(controls, Control{Package: m.Package, Env: m.Env})
		}
		if c := &controls[i]; !slices.Contains(c.Run, m.Run) {
			c.Run = append(c.Run, m.Run)
		}
	}
	return controls
}

// Check runs the tests in work, an empty folder, and returns nil when each of them
// ran and passed.
func (c Control) Check(ctx context.Context, root, work string) error {
	binary, err := build(ctx, root, work, c.Package)
	if err != nil {
		return err
	}
	output, err := run(ctx, root, work, binary, c.Package, strings.Join(c.Run, "|"), c.Env)
	if err != nil {
		return fmt.Errorf("%s fails without a mutant: %w\n%s", c.Package, err, output)
	}
	for _, test := range c.Run {
		if !strings.Contains(output, "--- PASS: "+test+" ") {
			return fmt.Errorf("%s has no test %s", c.Package, test)
		}
	}
	return nil
}
