package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

type settings struct {
	Name  string
	Count int
	Wait  time.Duration
	On    bool
	Join  []string
}

func flags(into *settings) *pflag.FlagSet {
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	fs.String(FileFlag, "", "")
	fs.StringVar(&into.Name, "log-name", "default", "")
	fs.IntVar(&into.Count, "count", 3, "")
	fs.DurationVar(&into.Wait, "wait", time.Second, "")
	fs.BoolVar(&into.On, "on", false, "")
	fs.StringSliceVar(&into.Join, "join", nil, "")
	return fs
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "henge.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheNearestSettingWins(t *testing.T) {
	cases := map[string]struct {
		args []string
		env  []string
		yaml string
		want settings
	}{
		"nothing is set, so the defaults hold": {
			want: settings{Name: "default", Count: 3, Wait: time.Second},
		},
		"the file sets what nothing else does": {
			yaml: "log-name: file\ncount: 7\nwait: 2m\non: true\njoin: [a:1, b:2]\n",
			want: settings{Name: "file", Count: 7, Wait: 2 * time.Minute, On: true, Join: []string{"a:1", "b:2"}},
		},
		"the environment beats the file": {
			env:  []string{"HENGE_LOG_NAME=env", "HENGE_JOIN=c:3,d:4", "OTHER_COUNT=9"},
			yaml: "log-name: file\ncount: 7\njoin: [a:1]\n",
			want: settings{Name: "env", Count: 7, Wait: time.Second, Join: []string{"c:3", "d:4"}},
		},
		"the command line beats both": {
			args: []string{"--log-name", "flag", "--join", "e:5"},
			env:  []string{"HENGE_LOG_NAME=env", "HENGE_JOIN=c:3"},
			yaml: "log-name: file\njoin: [a:1]\ncount: 7\n",
			want: settings{Name: "flag", Count: 7, Wait: time.Second, Join: []string{"e:5"}},
		},
		"a flag given its default still beats both": {
			args: []string{"--count", "3"},
			env:  []string{"HENGE_COUNT=9"},
			want: settings{Name: "default", Count: 3, Wait: time.Second},
		},
		"an empty variable is not set": {
			env:  []string{"HENGE_COUNT="},
			yaml: "count: 7\n",
			want: settings{Name: "default", Count: 7, Wait: time.Second},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var got settings
			fs := flags(&got)
			if err := fs.Parse(c.args); err != nil {
				t.Fatal(err)
			}
			env := c.env
			if c.yaml != "" {
				env = append(slices.Clone(env), "HENGE_CONFIG="+write(t, c.yaml))
			}
			if err := Apply(fs, env); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAMistakeIsNamed(t *testing.T) {
	cases := map[string]struct {
		env  []string
		yaml string
		want []string
	}{
		"an unknown key":                   {yaml: "cuont: 7\nlog:\n  name: x\n", want: []string{`"cuont"`, `"log.name"`}},
		"the file names another file":      {yaml: "config: other.yaml\n", want: []string{`"config"`}},
		"a value of the wrong type":        {yaml: "count: many\n", want: []string{"henge.yaml: count", `"many"`}},
		"a list where one value is wanted": {yaml: "count: [1, 2]\n", want: []string{"henge.yaml: count", "list"}},
		"a variable of the wrong type":     {env: []string{"HENGE_WAIT=soon"}, want: []string{"HENGE_WAIT", `"soon"`}},
		"a file that is not YAML":          {yaml: "count: [", want: []string{"henge.yaml"}},
		"a file that is not there":         {env: []string{"HENGE_CONFIG=/nowhere/at/all.yaml"}, want: []string{"/nowhere/at/all.yaml"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var got settings
			env := c.env
			if c.yaml != "" {
				env = append(slices.Clone(env), "HENGE_CONFIG="+write(t, c.yaml))
			}
			err := Apply(flags(&got), env)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not mention %s", err, want)
				}
			}
		})
	}
}

func TestAVariableOfNoCommandIsAStranger(t *testing.T) {
	var s settings
	got := Strangers([]string{"HENGE_COUNT=1", "HENGE_CUONT=1", "HENGE_LOG_NAME=x", "HENGE_EMPTY=", "PATH=/bin", "HENGE_A=1"}, flags(&s))
	if want := []string{"HENGE_A", "HENGE_CUONT"}; !slices.Equal(got, want) {
		t.Errorf("strangers %v, want %v", got, want)
	}
}
