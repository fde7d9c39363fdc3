package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/hengedb/henge/api/client"
	"github.com/hengedb/henge/cmd/henge/internal/output"
	"github.com/hengedb/henge/replication/request"
)

// viewTimeout bounds how long a member may take to tell its view; one that is
// stopped answers nothing at all.
const viewTimeout = time.Second

func (a *app) statusCommand() *cobra.Command {
	var f target
	var deletes bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the cluster: members, health, hints owed",
		Long: `Shows the cluster as the asked node sees it, and asks every other member for its own
view: whether it is ready, and which hints it keeps for whom.

With --deletes: how much of what each node stores is deleted, has expired or will, for how
long, and what holds back its removal. It goes once every member has proven that no copy
of it is left, and it is older than the setting grace_ms (a day).`,
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := f.status(cmd.Context())
			if err != nil {
				return asRead(fmt.Errorf("status: %w", err))
			}
			if deletes {
				return a.printer().Result(s, s.Deletes)
			}
			return a.printer().Result(s, s.Human)
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&deletes, "deletes", false, "show what is deleted, and what holds back its removal")
	return cmd
}

// status asks the first node that answers, then every other member.
func (t *target) status(ctx context.Context) (output.Status, error) {
	c, err := t.connect()
	if err != nil {
		return output.Status{}, err
	}
	first, err := c.Status(ctx)
	if err != nil {
		return output.Status{}, err
	}
	views := []output.View{{Name: first.Name, Status: &first}}
	for _, m := range first.Members {
		switch {
		case m.HTTP == "": // inside a program, and reachable only in its way
		case m.ID == first.Node:
			views[0].URL = urlOf(m)
		default:
			views = append(views, output.View{Name: m.Name, URL: urlOf(m)})
		}
	}
	var wg sync.WaitGroup
	for i := range views[1:] {
		wg.Go(func() { look(ctx, &views[1+i]) })
	}
	wg.Wait()
	return output.Status{Views: views}, nil
}

// look fills one member's view.
func look(ctx context.Context, v *output.View) {
	ctx, cancel := context.WithTimeout(ctx, viewTimeout)
	defer cancel()
	c, err := client.New(client.Options{URLs: []string{v.URL}, Pinned: true})
	if err == nil {
		var s request.Status
		if s, err = c.Status(ctx); err == nil {
			v.Status = &s
			return
		}
	}
	v.Error = err.Error()
}

// urlOf is where a member answers.
func urlOf(m request.MemberStatus) string { return "http://" + m.HTTP }
