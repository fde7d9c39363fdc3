package wire

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hengedb/henge/replication/request"
)

// FormatReceipt renders who holds a write: "2/3; primary=2; durable=2; hinted=1".
func FormatReceipt(r request.Receipt) string {
	b := appendShare(make([]byte, 0, 48), r.Acks, r.Replicas)
	b = appendParam(b, "primary", r.Primary)
	b = appendParam(b, "durable", r.Durable)
	b = appendParam(b, "hinted", r.Hinted)
	return string(b)
}

// ParseReceipt is the inverse of FormatReceipt. Parameters it does not know are a
// newer node's, and are left alone.
func ParseReceipt(s string) (request.Receipt, error) {
	var r request.Receipt
	err := parse(s, &r.Acks, &r.Replicas, map[string]*int{"primary": &r.Primary, "durable": &r.Durable, "hinted": &r.Hinted})
	if err != nil {
		return request.Receipt{}, err
	}
	return r, nil
}

// FormatAnswers renders who a read rests on: "2/2; primary=2".
func FormatAnswers(a request.Answers) string {
	b := appendShare(make([]byte, 0, 24), a.Got, a.Need)
	return string(appendParam(b, "primary", a.Primary))
}

// ParseAnswers is the inverse of FormatAnswers.
func ParseAnswers(s string) (request.Answers, error) {
	var a request.Answers
	if err := parse(s, &a.Got, &a.Need, map[string]*int{"primary": &a.Primary}); err != nil {
		return request.Answers{}, err
	}
	return a, nil
}

func appendShare(b []byte, got, of int) []byte {
	b = strconv.AppendInt(b, int64(got), 10)
	b = append(b, '/')
	return strconv.AppendInt(b, int64(of), 10)
}

func appendParam(b []byte, name string, n int) []byte {
	b = append(b, "; "...)
	b = append(b, name...)
	b = append(b, '=')
	return strconv.AppendInt(b, int64(n), 10)
}

// parse reads a share and its parameters.
func parse(s string, got, of *int, params map[string]*int) error {
	share, rest, _ := strings.Cut(s, ";")
	a, b, ok := strings.Cut(share, "/")
	if !ok || !number(a, got) || !number(b, of) {
		return fmt.Errorf("%q is no receipt", s)
	}
	for rest != "" {
		var param string
		param, rest, _ = strings.Cut(rest, ";")
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		if into := params[name]; into != nil && !number(value, into) {
			return fmt.Errorf("%q is no receipt: %s", s, name)
		}
	}
	return nil
}

// number reads a count of nodes, of which no request has more than 16 bits.
func number(s string, into *int) bool {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 16)
	*into = int(n)
	return err == nil
}
