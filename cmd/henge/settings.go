package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hengedb/henge/api/client"
	"github.com/hengedb/henge/cmd/henge/internal/output"
)

func (a *app) settingsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "settings",
		Short: "Show and change the cluster's settings",
		Long: `The cluster's own settings: whether first use makes a bucket (auto_buckets) and a node that
finds the cluster becomes a member by itself (auto_join), the knobs of requests and buckets
that say nothing else, and the pace of layout changes. They hold on every node at once.`,
		Args: subcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.settingsShow(), a.settingsSet())
	return cmd
}

func (a *app) settingsShow() *cobra.Command {
	var f target
	cmd := &cobra.Command{
		Use:     "show",
		Short:   "Show the cluster's settings",
		Example: `  henge settings show`,
		Args:    nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.connect()
			if err != nil {
				return err
			}
			s, err := c.Settings(cmd.Context())
			if err != nil {
				return asRead(fmt.Errorf("settings: %w", err))
			}
			return a.showSettings(s)
		},
	}
	f.add(cmd)
	return cmd
}

func (a *app) settingsSet() *cobra.Command {
	var f target
	cmd := &cobra.Command{
		Use:   "set NAME=VALUE...",
		Short: "Change the cluster's settings",
		Long:  "Changes the settings that are given and leaves the others. They are:\n  " + strings.Join(settingNames(), "\n  "),
		Example: `  henge settings set auto_buckets=off
  henge settings set transfer_mibps=32 auto_join=on`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("%s takes settings, as auto_buckets=off", cmd.CommandPath())
			}
			return nil
		},
		ValidArgsFunction: completeSettings,
		RunE: func(cmd *cobra.Command, args []string) error {
			change, err := parseSettings(args)
			if err != nil {
				return err
			}
			c, err := f.connect()
			if err != nil {
				return err
			}
			s, err := c.SetSettings(cmd.Context(), change)
			if err != nil {
				return fmt.Errorf("settings: %w", err)
			}
			return a.showSettings(s)
		},
	}
	f.add(cmd)
	return cmd
}

// showSettings prints settings by their names in JSON.
func (a *app) showSettings(s client.Settings) error {
	return a.printer().Result(s, func(w io.Writer) error {
		rows := [][]string{{"SETTING", "VALUE"}}
		v := reflect.ValueOf(s)
		for i := range v.NumField() {
			text := fmt.Sprint(v.Field(i).Interface())
			switch on := v.Field(i).Interface().(type) {
			case bool:
				text = map[bool]string{true: "on", false: "off"}[on]
			case int, int64:
				if v.Field(i).IsZero() {
					text = "default"
				}
			}
			rows = append(rows, []string{nameOf(v.Type().Field(i)), text})
		}
		return output.Table(w, rows)
	})
}

// nameOf is what a field is called in JSON.
func nameOf(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// settingKinds are the settings by name, with the kind of their values.
func settingKinds() map[string]reflect.Kind {
	kinds := make(map[string]reflect.Kind)
	t := reflect.TypeFor[client.Settings]()
	for field := range t.Fields() {
		kinds[nameOf(field)] = field.Type.Kind()
	}
	return kinds
}

func settingNames() []string { return slices.Sorted(maps.Keys(settingKinds())) }

// parseSettings reads name=value, where a switch is on or off.
func parseSettings(args []string) (client.SettingsChange, error) {
	var change client.SettingsChange
	kinds := settingKinds()
	seen := make(map[string]json.RawMessage)
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		kind, known := kinds[name]
		switch {
		case !ok || !known:
			return change, usage("settings: %q is no setting: want NAME=VALUE with a name of %s", arg, strings.Join(settingNames(), ", "))
		case seen[name] != nil:
			return change, usage("settings: %s is given twice", name)
		}
		raw, err := settingValue(kind, value)
		if err != nil {
			return change, usage("settings: %s: %w", name, err)
		}
		seen[name] = raw
	}
	body, err := json.Marshal(seen)
	if err == nil {
		err = json.Unmarshal(body, &change)
	}
	if err != nil {
		return change, usage("settings: %w", err)
	}
	return change, nil
}

// settingValue writes a value of a kind as JSON.
func settingValue(kind reflect.Kind, value string) (json.RawMessage, error) {
	switch kind {
	case reflect.Bool:
		switch value {
		case "on", "true":
			return json.RawMessage("true"), nil
		case "off", "false":
			return json.RawMessage("false"), nil
		}
		return nil, fmt.Errorf("%q: want on or off", value)
	case reflect.String:
		return json.Marshal(value)
	}
	if value == "default" {
		return json.RawMessage("0"), nil
	}
	var n int64
	if err := json.Unmarshal([]byte(value), &n); err != nil || n < 0 {
		return nil, fmt.Errorf("%q: want a number of 0 or more, or default", value)
	}
	return json.RawMessage(value), nil
}

// completeSettings completes the names of settings.
func completeSettings(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	names := settingNames()
	for i := range names {
		names[i] += "="
	}
	return names, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
