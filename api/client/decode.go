package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hengedb/henge/api/wire"
	"github.com/hengedb/henge/replication/request"
)

// errAnswer says that a node's answer is not one of this interface.
var errAnswer = errors.New("malformed answer")

// valueOf reads the answer to a read. For an answer that is an error it reads what
// the headers tell beside: a tombstone's context, and who answered.
func valueOf(r *reply) (request.Value, error) {
	v := request.Value{Context: request.Context(r.header.Get(wire.Context))}
	v.ETag, _ = wire.Unquote(r.header.Get("Etag"))
	var err error
	if answers := r.header.Get(wire.Answers); answers != "" {
		if v.Answers, err = wire.ParseAnswers(answers); err != nil {
			return request.Value{}, fmt.Errorf("%w: %w", errAnswer, err)
		}
	}
	if r.status >= http.StatusBadRequest {
		return v, nil
	}
	if count := r.header.Get(wire.Siblings); count == "1" {
		v.Siblings = []request.Sibling{siblingOf(r)}
		return v, nil
	}
	var set wire.Set
	if err := json.Unmarshal(r.body, &set); err != nil {
		return request.Value{}, fmt.Errorf("%w: siblings: %w", errAnswer, err)
	}
	for _, s := range set.Siblings {
		v.Siblings = append(v.Siblings, s.Request())
	}
	return v, nil
}

// siblingOf reads the one value that an answer is.
func siblingOf(r *reply) request.Sibling {
	s := request.Sibling{
		ID: r.header.Get(wire.SiblingID), ContentType: r.header.Get("Content-Type"), Size: len(r.body), Data: r.body,
	}
	if len(r.body) == 0 && r.size > 0 { // HEAD
		s.Size, s.Data = int(r.size), nil
	}
	// A time that cannot be read is left out, like one that was not sent.
	if modified, err := http.ParseTime(r.header.Get("Last-Modified")); err == nil {
		s.Modified = modified.In(time.UTC)
	}
	if expires, err := request.ParseExpiresAt(r.header.Get(wire.ExpiresAt)); err == nil {
		s.Expires = expires
	}
	for name, values := range r.header {
		if meta, ok := strings.CutPrefix(name, wire.MetaPrefix); ok {
			if s.Meta == nil {
				s.Meta = make(map[string]string)
			}
			s.Meta[strings.ToLower(meta)] = strings.Join(values, ", ")
		}
	}
	return s
}

// receiptOf reads the answer to a write.
func receiptOf(r *reply, o request.WriteOptions) (request.Receipt, error) {
	receipt, err := wire.ParseReceipt(r.header.Get(wire.Acks))
	if err != nil {
		return request.Receipt{}, fmt.Errorf("%w: %w", errAnswer, err)
	}
	if receipt.Need, err = strconv.Atoi(r.header.Get(wire.Need)); err != nil {
		return request.Receipt{}, fmt.Errorf("%w: %s: %w", errAnswer, wire.Need, err)
	}
	if receipt.Siblings, err = strconv.Atoi(r.header.Get(wire.Siblings)); err != nil {
		return request.Receipt{}, fmt.Errorf("%w: %s: %w", errAnswer, wire.Siblings, err)
	}
	receipt.Context = request.Context(r.header.Get(wire.Context))
	receipt.ETag, _ = wire.Unquote(r.header.Get("Etag"))
	receipt.OpID = o.OpID
	receipt.Created = r.status == http.StatusCreated
	if o.Return && r.header.Get("Preference-Applied") != "" {
		value, err := valueOf(r)
		if err != nil {
			return request.Receipt{}, err
		}
		receipt.Value = &value
	}
	return receipt, nil
}
