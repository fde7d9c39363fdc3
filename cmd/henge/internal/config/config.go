package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// Prefix begins the environment variables that are read.
const Prefix = "HENGE_"

// FileFlag names the flag that names the YAML file.
const FileFlag = "config"

// delim would split keys into paths; no flag's name holds it, so a nested key of
// a file shows as one that no flag has.
const delim = "."

// Variable returns the environment variable that sets a flag.
func Variable(flag string) string {
	return Prefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Apply sets every flag of fs that the command line left alone from environ
// ("NAME=value" each), else from the file that --config or HENGE_CONFIG names.
// The error names every setting at fault and where it stands.
func Apply(fs *pflag.FlagSet, environ []string) error {
	fromEnv := koanf.New(delim)
	if err := fromEnv.Load(env.Provider(delim, env.Opt{
		Prefix:        Prefix,
		TransformFunc: flagOf,
		EnvironFunc:   func() []string { return environ },
	}), nil); err != nil {
		return fmt.Errorf("read the environment: %w", err)
	}
	if err := apply(fs, fromEnv, Variable); err != nil {
		return err
	}
	path, err := fs.GetString(FileFlag)
	if err != nil || path == "" {
		return err
	}
	return applyFile(fs, path)
}

// applyFile sets what neither the command line nor the environment did.
func applyFile(fs *pflag.FlagSet, path string) error {
	fromFile := koanf.New(delim)
	if err := fromFile.Load(file.Provider(path), yaml.Parser()); err != nil {
		return fmt.Errorf("read the configuration file %s: %w", path, err)
	}
	var problems []error
	for _, key := range fromFile.Keys() {
		if fs.Lookup(key) == nil || key == FileFlag {
			problems = append(problems, fmt.Errorf("%s: %q is not a setting of this command", path, key))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	return apply(fs, fromFile, func(flag string) string { return path + ": " + flag })
}

// apply sets the flags that values holds and that nothing before has set. To set
// one marks it as changed, so that the next source leaves it alone.
func apply(fs *pflag.FlagSet, values *koanf.Koanf, where func(flag string) string) error {
	var problems []error
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Changed || !values.Exists(f.Name) {
			return
		}
		if err := set(fs, f, values.Get(f.Name)); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", where(f.Name), err))
		}
	})
	return errors.Join(problems...)
}

// set gives f a value as a file or variable holds it.
func set(fs *pflag.FlagSet, f *pflag.Flag, value any) error {
	list, ok := value.([]any)
	if !ok {
		return fs.Set(f.Name, fmt.Sprint(value))
	}
	into, ok := f.Value.(pflag.SliceValue)
	if !ok {
		return errors.New("one value is wanted, and a list stands there")
	}
	items := make([]string, len(list))
	for i, item := range list {
		items[i] = fmt.Sprint(item)
	}
	f.Changed = true
	return into.Replace(items)
}

// flagOf is the inverse of Variable. An empty value counts as not set: that is
// how a shell takes a variable back for one command.
func flagOf(variable, value string) (string, any) {
	if value == "" {
		return "", nil
	}
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(variable, Prefix), "_", "-")), value
}

// Strangers returns the HENGE_ variables of environ that set no flag of any of
// the given flag sets, sorted: most likely typing mistakes.
func Strangers(environ []string, sets ...*pflag.FlagSet) []string {
	var unknown []string
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, Prefix) || value == "" {
			continue
		}
		flag, _ := flagOf(name, value)
		if !slices.ContainsFunc(sets, func(fs *pflag.FlagSet) bool { return fs.Lookup(flag) != nil }) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return unknown
}
