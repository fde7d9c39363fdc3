package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hengedb/henge/api/client"
	"github.com/hengedb/henge/cmd/henge/internal/exit"
	"github.com/hengedb/henge/replication/request"
)

// defaultURL is where the first node of a cluster on this machine answers.
const defaultURL = "http://127.0.0.1:7420"

// target are the flags that say which cluster a command speaks to.
type target struct {
	urls []string
}

// add adds the flags to a command.
func (t *target) add(cmd *cobra.Command) {
	cmd.Flags().StringSliceVarP(&t.urls, "url", "u", []string{defaultURL}, "where a node answers; several may be given, the others are found through them")
}

// connect makes a client. It sends nothing yet.
func (t *target) connect() (*client.Client, error) {
	c, err := client.New(client.Options{URLs: t.urls})
	return c, exit.With(exit.Usage, err)
}

// bucketTarget are the flags of commands that speak to one bucket.
type bucketTarget struct {
	target
	bucket string
}

// add adds the flags to a command, with completion of bucket names.
func (t *bucketTarget) add(cmd *cobra.Command) {
	t.target.add(cmd)
	cmd.Flags().StringVarP(&t.bucket, "bucket", "b", "default", "the bucket; one that does not exist is made by the first put")
	if err := cmd.RegisterFlagCompletionFunc("bucket", t.completeBucket); err != nil {
		panic("complete: " + err.Error())
	}
}

// connectBucket makes a client of the bucket.
func (t *bucketTarget) connectBucket() (*client.Bucket, error) {
	c, err := t.connect()
	if err != nil {
		return nil, err
	}
	return c.Bucket(t.bucket), nil
}

// completionTimeout bounds how long a shell waits for a cluster's answer.
const completionTimeout = 500 * time.Millisecond

// completeBucket completes the flag.
func (t *bucketTarget) completeBucket(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return t.completeBuckets(cmd)
}

// completeBuckets asks the cluster which buckets there are.
func (t *target) completeBuckets(cmd *cobra.Command) ([]cobra.Completion, cobra.ShellCompDirective) {
	return t.completeStatus(cmd, func(s request.Status) []string { return s.Buckets })
}

// completeStatus asks the cluster for its status, of which of picks the words; a
// cluster that does not answer completes nothing.
func (t *target) completeStatus(cmd *cobra.Command, of func(request.Status) []string) ([]cobra.Completion, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
	defer cancel()
	// The shell's question runs no command, so nothing has read the settings yet.
	if err := cmd.Root().PersistentPreRunE(cmd, nil); err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	c, err := t.connect()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	status, err := c.Status(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return of(status), cobra.ShellCompDirectiveNoFileComp
}

// reworded puts the error of a call that no node answered in words for a person: each
// place once, with what was met there, and what to look at.
func reworded(err error) error {
	call, ok := errors.AsType[*client.Error](err)
	if !ok || exit.Of(err) != exit.Unavailable {
		return err
	}
	var places []string
	for _, try := range call.Tries {
		cause, ok := errors.AsType[*net.OpError](try.Err)
		if !ok {
			return err // an answer, which says it better
		}
		place := fmt.Sprintf("%s (%v)", try.URL, cause.Err)
		if !slices.Contains(places, place) {
			places = append(places, place)
		}
	}
	if places == nil {
		return err
	}
	return exit.With(exit.Unavailable, fmt.Errorf("%s: no node answers at %s; is one running? \"henge dev\" starts a cluster, --url says where one is",
		call.Op, strings.Join(places, ", ")))
}

// failed adds what was being done to a request's error.
func failed(verb, key string, err error) error { return fmt.Errorf("%s %s: %w", verb, key, err) }
