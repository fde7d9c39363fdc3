package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/hengedb/henge/api/problem"
	"github.com/hengedb/henge/api/wire"
	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// buckets lists every bucket with its properties.
func (c *call) buckets() int {
	if err := c.plainQuery(); err != nil {
		return c.fail(err)
	}
	all, err := c.s.admin.Buckets()
	if err != nil {
		return c.fail(err)
	}
	listing := wire.Buckets{Buckets: make([]wire.Bucket, 0, len(all))}
	for _, b := range all {
		listing.Buckets = append(listing.Buckets, wire.BucketOf(b))
	}
	return c.json(http.StatusOK, listing)
}

// bucket shows one bucket's properties.
func (c *call) bucket() int {
	if err := c.plainQuery(); err != nil {
		return c.fail(err)
	}
	b, err := c.s.admin.Bucket(c.route.bucket)
	if err != nil {
		return c.fail(err)
	}
	return c.json(http.StatusOK, wire.BucketOf(b))
}

// putBucket makes a bucket or changes one: with If-None-Match: * the first only, with
// If-Match: * the second only.
func (c *call) putBucket() int {
	err := c.plainQuery()
	var o request.WriteOptions
	if err == nil {
		err = writeConditions(c.r.Header, &o)
	}
	for name, tag := range map[string]string{"If-Match": o.IfMatch, "If-None-Match": o.IfNoneMatch} {
		if err == nil && tag != "" && tag != "*" {
			err = problem.Field(name, fmt.Errorf("%w: a bucket has no entity tag: want *", request.ErrBadValue))
		}
	}
	if err == nil {
		err = request.CheckBucket(c.route.bucket)
	}
	var change wire.BucketChange
	if err == nil {
		err = c.document(&change)
	}
	if err != nil {
		return c.fail(err)
	}
	b, err := c.decideBucket(change, o)
	if err != nil {
		return c.fail(err)
	}
	return c.json(http.StatusOK, wire.BucketOf(b))
}

func (c *call) decideBucket(change wire.BucketChange, o request.WriteOptions) (ring.Bucket, error) {
	ctx, name := c.r.Context(), c.route.bucket
	if o.IfNoneMatch == "" {
		b, err := c.s.admin.SetBucket(ctx, name, change.Apply)
		if o.IfMatch != "" || !errors.Is(err, request.ErrNoBucket) {
			return b, err
		}
	}
	b, err := change.Apply(ring.Bucket{Name: name})
	if err != nil {
		return b, err
	}
	return c.s.admin.CreateBucket(ctx, b)
}

// dropBucket drops a bucket with all that is in it.
func (c *call) dropBucket() int {
	k, err := parseKnobs(c.r.URL.RawQuery, knobGeneration, c.r.Method)
	if err == nil && c.r.ContentLength != 0 {
		err = problem.Field("body", fmt.Errorf("%w: a drop takes none", request.ErrBadValue))
	}
	if err == nil {
		err = c.s.admin.DropBucket(c.r.Context(), c.route.bucket, k.generation)
	}
	if err != nil {
		return c.fail(err)
	}
	c.noStore()
	c.w.WriteHeader(http.StatusNoContent)
	return http.StatusNoContent
}

// settings shows the cluster's settings.
func (c *call) settings() int {
	if err := c.plainQuery(); err != nil {
		return c.fail(err)
	}
	s, err := c.s.admin.Settings()
	if err != nil {
		return c.fail(err)
	}
	return c.json(http.StatusOK, wire.SettingsOf(s))
}

// putSettings changes the cluster's settings.
func (c *call) putSettings() int {
	err := c.plainQuery()
	var change wire.SettingsChange
	if err == nil {
		err = c.document(&change)
	}
	if err != nil {
		return c.fail(err)
	}
	s, err := c.s.admin.SetSettings(c.r.Context(), change.Apply)
	if err != nil {
		return c.fail(err)
	}
	return c.json(http.StatusOK, wire.SettingsOf(s))
}

// plainQuery refuses any query parameter.
func (c *call) plainQuery() error {
	_, err := parseKnobs(c.r.URL.RawQuery, noKnobs, c.r.Method)
	return err
}

// maxDocument bounds the JSON that an administrator sends: 4,096 steps of a layout
// change, with their names.
const maxDocument = 1 << 20

// document reads a JSON body; an empty one is an empty document. What is in it and not
// known is refused: a misspelled property would be taken for done.
func (c *call) document(into any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(c.w, c.r.Body, maxDocument))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil && decoder.More() {
		err = errors.New("more than one document")
	}
	if over := (*http.MaxBytesError)(nil); errors.As(err, &over) {
		return tooLarge(over.Limit)
	}
	if err != nil {
		return problem.Field("body", fmt.Errorf("%w: %w", request.ErrBadValue, err))
	}
	return nil
}
