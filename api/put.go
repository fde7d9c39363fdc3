package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/hengedb/henge/api/problem"
	"github.com/hengedb/henge/api/wire"
	"github.com/hengedb/henge/replication/request"
)

// put stores the body under the key.
func (c *call) put() int {
	o, err := c.writeOptions()
	if err == nil {
		err = contentOptions(c.r.Header, &o)
	}
	if err == nil {
		err = c.name()
	}
	if err != nil {
		return c.fail(err)
	}
	o.Return = prefersValue(c.r.Header)
	value, release, err := c.readBody()
	if err != nil {
		return c.fail(err)
	}
	defer release()
	receipt, err := c.s.keys.Put(c.r.Context(), c.route.bucket, c.route.key, value, o)
	if err != nil {
		return c.fail(knobField("w", conditionField(expiryField(err, o), o)))
	}
	status := http.StatusNoContent
	if o.IfNoneMatch == "*" {
		status = http.StatusCreated
	}
	return c.written(status, receipt)
}

// delete removes the key's value.
func (c *call) delete() int {
	o, err := c.writeOptions()
	if err == nil {
		err = c.name()
	}
	if err == nil && (c.r.ContentLength != 0 || o.Meta != nil || o.TTL != 0 || !o.ExpiresAt.IsZero()) {
		err = problem.Field("body", fmt.Errorf("%w: a delete takes no value, no metadata and no expiry", request.ErrBadValue))
	}
	if err != nil {
		return c.fail(err)
	}
	receipt, err := c.s.keys.Delete(c.r.Context(), c.route.bucket, c.route.key, o)
	if err != nil {
		return c.fail(knobField("w", conditionField(err, o)))
	}
	return c.written(http.StatusNoContent, receipt)
}

// conditionField names the condition that did not hold.
func conditionField(err error, o request.WriteOptions) error {
	if problem.Of(err).Status != http.StatusPreconditionFailed {
		return err
	}
	if o.IfMatch != "" {
		return problem.Field("If-Match", err)
	}
	return problem.Field("If-None-Match", err)
}

// expiryField names the time to expire at where that is what was refused: beside it, what
// a value can be wrong in has been looked at.
func expiryField(err error, o request.WriteOptions) error {
	if o.ExpiresAt.IsZero() || !errors.Is(err, request.ErrBadValue) {
		return err
	}
	return problem.Field(wire.ExpiresAt, err)
}

// written answers with a receipt, and with the value if it was asked for.
func (c *call) written(status int, receipt request.Receipt) int {
	h := c.w.Header()
	h[wire.Acks] = []string{wire.FormatReceipt(receipt)}
	h[wire.Need] = []string{strconv.Itoa(receipt.Need)}
	h[wire.Siblings] = []string{strconv.Itoa(receipt.Siblings)}
	if receipt.Context != "" {
		h[wire.Context] = []string{string(receipt.Context)}
	}
	if receipt.ETag != "" {
		h["Etag"] = []string{wire.Quote(receipt.ETag)}
	}
	if receipt.OpID != "" {
		h[wire.Operation] = []string{receipt.OpID}
	}
	if receipt.Value == nil {
		c.noStore()
		c.w.WriteHeader(status)
		return status
	}
	h["Preference-Applied"] = []string{"return=representation"}
	if status == http.StatusNoContent {
		status = http.StatusOK
	}
	return c.value(status, status, *receipt.Value)
}
