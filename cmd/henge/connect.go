package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/hengedb/henge/api/client"
	"github.com/hengedb/henge/cmd/henge/internal/exit"
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

// completeBucket asks the cluster which buckets there are; a cluster that does
// not answer completes nothing.
func (t *bucketTarget) completeBucket(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
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
	return status.Buckets, cobra.ShellCompDirectiveNoFileComp
}

// failed adds what was being done to a request's error.
func failed(verb, key string, err error) error { return fmt.Errorf("%s %s: %w", verb, key, err) }
