package api

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hengedb/henge/api/problem"
	"github.com/hengedb/henge/replication/request"
)

// knob is a set of query parameters.
type knob uint16

const (
	knobR knob = 1 << iota
	knobW
	knobStrict
	knobSync
	knobTimeout
	knobSibling
	knobPrefix
	knobCursor
	knobLimit
	knobValues
	knobProgress
	knobGeneration

	readKnobs  = knobR | knobStrict | knobTimeout | knobSibling
	writeKnobs = knobW | knobStrict | knobSync | knobTimeout
	listKnobs  = knobPrefix | knobCursor | knobLimit | knobValues | knobStrict | knobTimeout
	noKnobs    = knob(0)
)

// knobs are the query parameters of one request.
type knobs struct {
	seen    knob
	r, w    request.Count
	strict  request.Switch
	sync    request.Switch
	timeout time.Duration
	sibling string
	prefix  string
	cursor  string
	limit   int
	values  bool

	progress   bool
	generation uint64
}

// knobNamed finds a parameter; 0 when there is none of this name.
func knobNamed(name string) knob {
	switch name {
	case "r":
		return knobR
	case "w":
		return knobW
	case "strict":
		return knobStrict
	case "sync":
		return knobSync
	case "timeout":
		return knobTimeout
	case "sibling":
		return knobSibling
	case "prefix":
		return knobPrefix
	case "cursor":
		return knobCursor
	case "limit":
		return knobLimit
	case "values":
		return knobValues
	case "progress":
		return knobProgress
	case "generation":
		return knobGeneration
	}
	return 0
}

// parseKnobs reads a raw query. It refuses parameters it does not know, those that
// do not go with the method, and one given twice.
func parseKnobs(query string, allowed knob, method string) (knobs, error) {
	var k knobs
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if pair == "" {
			continue
		}
		escapedName, escapedValue, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(escapedName)
		if err != nil {
			return knobs{}, problem.Field(escapedName, fmt.Errorf("%w: %w", request.ErrBadKnob, err))
		}
		value, err := url.QueryUnescape(escapedValue)
		if err == nil {
			err = k.take(name, value, allowed, method)
		}
		if err != nil {
			return knobs{}, problem.Field(name, fmt.Errorf("%w: %w", request.ErrBadKnob, err))
		}
	}
	return k, nil
}

// take sets one parameter.
func (k *knobs) take(name, value string, allowed knob, method string) error {
	this := knobNamed(name)
	switch {
	case this == 0:
		return fmt.Errorf("there is no parameter %q", name)
	case this&allowed == 0:
		return fmt.Errorf("%s does not go with this %s", name, method)
	case this&k.seen != 0:
		return fmt.Errorf("%s is given twice", name)
	}
	k.seen |= this
	return k.set(this, value)
}

func (k *knobs) set(this knob, value string) (err error) {
	switch this {
	case knobR:
		k.r, err = request.ParseCount(value)
	case knobW:
		k.w, err = request.ParseCount(value)
	case knobStrict:
		k.strict, err = parseSwitch(value)
	case knobSync:
		k.sync, err = parseSwitch(value)
	case knobTimeout:
		k.timeout, err = parseTimeout(value)
	case knobSibling:
		k.sibling = value
		if value == "" {
			err = fmt.Errorf("want the id of a sibling")
		}
	case knobPrefix:
		k.prefix = value
	case knobCursor:
		k.cursor = value
	case knobLimit:
		k.limit, err = parseLimit(value)
	case knobValues:
		k.values, err = parseBool(value)
	case knobProgress:
		k.progress, err = parseBool(value)
	case knobGeneration:
		if k.generation, err = strconv.ParseUint(value, 10, 64); err == nil && k.generation == 0 {
			err = errors.New("no bucket is of generation 0")
		}
	}
	return err
}

// knobField names the count when a knob turns out to be wrong only beside the
// cluster: what else can be wrong with a knob was seen before.
func knobField(name string, err error) error {
	if errors.Is(err, request.ErrBadKnob) {
		return problem.Field(name, err)
	}
	return err
}

func parseSwitch(s string) (request.Switch, error) {
	switch s {
	case "true":
		return request.On, nil
	case "false":
		return request.Off, nil
	}
	return request.Unset, fmt.Errorf("%q is no switch: want true or false", s)
}

func parseBool(s string) (bool, error) {
	on, err := parseSwitch(s)
	return on == request.On, err
}

// parseTimeout reads a Go duration or a number of milliseconds.
func parseTimeout(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if ms, numeric := strconv.ParseUint(s, 10, 32); numeric == nil {
		d, err = time.Duration(ms)*time.Millisecond, nil
	}
	if err != nil || d < time.Millisecond || d > request.MaxTimeout {
		return 0, fmt.Errorf("%q is no timeout: want 1ms to %v, as 250ms or as a number of milliseconds", s, request.MaxTimeout)
	}
	return d, nil
}

func parseLimit(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is no limit: want a positive number", s)
	}
	return int(n), nil
}
