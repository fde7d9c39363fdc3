// Package config fills a command's flags from where they may also be set: the
// environment, then a YAML file. The flags are the schema: their names, types
// and defaults are written once, and their help text documents all three.
//
//	command line   --log-level debug        wins
//	environment    HENGE_LOG_LEVEL=debug    next
//	file           log-level: debug         last, from --config or HENGE_CONFIG
//
// A key in the file that is no flag of the command is an error: a setting with a
// typing mistake must not be a setting without effect. An environment variable of
// another command is no error, because one shell serves many commands; Strangers
// finds those that belong to none.
package config
