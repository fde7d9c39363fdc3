package replication

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hengedb/henge/replication/request"
)

func TestAnyNodeServesAnyRequest(t *testing.T) {
	inCluster(t, 5, func(t *testing.T, c *cluster) {
		for i, n := range c.nodes {
			key, primaries, _ := c.key(i)
			r := n.mustPut(t, key, "v", request.WriteOptions{W: request.All})
			if r.Replicas != 3 || r.Acks != 3 || r.Primary != 3 || r.Durable != 3 || r.Hinted != 0 {
				t.Errorf("receipt %+v, want 3/3", r)
			}
			for _, p := range primaries {
				if got := p.holds(t, key); got != "v" {
					t.Errorf("%s holds %q", p.host, got)
				}
			}
			for _, reader := range c.nodes {
				reader.mustGet(t, key, "v", request.ReadOptions{R: request.All})
			}
		}
	})
}

func TestAPutCostsOneMessageToEachOtherReplicaAndAGetOne(t *testing.T) {
	inCluster(t, 5, func(t *testing.T, c *cluster) {
		key, p, _ := c.key(0)
		p[0].mustPut(t, key, "v", request.WriteOptions{})
		if got := p[0].Counters().Messages.Load(); got != 2 {
			t.Errorf("a put cost %d messages, want 2", got)
		}
		p[0].mustGet(t, key, "v", request.ReadOptions{})
		if got := p[0].Counters().Messages.Load(); got != 3 {
			t.Errorf("a get at r=2 cost %d messages, want 1", got-2)
		}
	})
}

// A primary dies that everybody believes to be alive: its connections are refused,
// and the next of the preference list takes its place in the very same request.
func TestADeathNobodyKnowsOfYetCostsNoRequestAndNoTime(t *testing.T) {
	for name, tc := range map[string]struct {
		dead   int
		strict bool
		ok     bool
	}{
		"one dead, all three wanted":               {dead: 1, ok: true},
		"two dead, all three wanted":               {dead: 2, ok: true},
		"one dead, three primaries wanted: strict": {dead: 1, strict: true},
	} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, 5, func(t *testing.T, c *cluster) {
				key, p, _ := c.key(0)
				other, q, _ := c.key(1)
				p[0].mustPut(t, key, "v", request.WriteOptions{W: request.All})
				q[0].mustPut(t, other, "v", request.WriteOptions{W: request.All})
				for _, dead := range p[1 : 1+tc.dead] {
					c.net.Kill(dead.host)
				}
				started := time.Now()
				_, err := p[0].Get(t.Context(), "default", key, request.ReadOptions{R: request.All, Strict: request.SwitchOf(tc.strict)})
				if (err == nil) != tc.ok {
					t.Errorf("get: %v", err)
				}
				for _, dead := range p[1 : 1+tc.dead] { // the view is fresh again
					p[0].health.mu.Lock()
					p[0].health.nodes[dead.self].Up = true
					p[0].health.publishLocked()
					p[0].health.mu.Unlock()
				}
				r, err := p[0].Put(t.Context(), "default", key, []byte("w"), request.WriteOptions{W: request.All, Strict: request.SwitchOf(tc.strict)})
				if (err == nil) != tc.ok || tc.ok && (r.Acks != 3 || r.Primary != 3-tc.dead || r.Hinted != tc.dead) {
					t.Errorf("put: %+v, %v", r, err)
				}
				if !tc.ok && request.OutcomeOf(err) != request.Unknown {
					t.Errorf("outcome %v of a put that two hold", request.OutcomeOf(err))
				}
				if took := time.Since(started); took > 0 {
					t.Errorf("that took %v, want no time", took)
				}
			})
		})
	}
}

func TestASilentReplicaIsReplacedAtTheCap(t *testing.T) {
	inCluster(t, 5, func(t *testing.T, c *cluster) {
		key, p, _ := c.key(0)
		p[0].mustPut(t, key, "v", request.WriteOptions{W: request.All})
		c.cut(p[1], c.nodes...)
		started := time.Now()
		p[0].mustGet(t, key, "v", request.ReadOptions{R: request.All})
		if took := time.Since(started); took != silenceCap {
			t.Errorf("the get took %v, want the cap", took)
		}
		r := p[0].mustPut(t, key, "w", request.WriteOptions{W: request.All})
		if r.Acks != 3 || r.Primary != 2 || r.Hinted != 1 || time.Since(started) != silenceCap {
			t.Errorf("the put after it: %+v after %v", r, time.Since(started)-silenceCap)
		}
	})
}

// What a client's haste cuts short says nothing of the nodes it asked.
func TestAHastyClientMarksNobodyAsAway(t *testing.T) {
	for name, hasty := range map[string]func(n *testNode, key string){
		"it gives up": func(n *testNode, key string) {
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(10*time.Millisecond, cancel)
			_, _ = n.Get(ctx, "default", key, request.ReadOptions{R: request.All})
		},
		"it has little time": func(n *testNode, key string) {
			_, _ = n.Get(context.Background(), "default", key, request.ReadOptions{R: request.All, Timeout: 30 * time.Millisecond})
		},
	} {
		t.Run(name, func(t *testing.T) {
			for range 10 { // what the reply and the end say comes at one instant
				inCluster(t, 3, func(t *testing.T, c *cluster) {
					key, p, _ := c.key(0)
					p[0].mustPut(t, key, "v", request.WriteOptions{W: request.All})
					c.cut(p[0], p[1], p[2])
					hasty(p[0], key)
					synctest.Wait()
					if !p[0].Up(p[1].self) || !p[0].Up(p[2].self) {
						t.Error("a node is away for it")
					}
				})
			}
		})
	}
}

// A caller that gives up gets its own reason back; only time that ran out is a
// timeout. Nobody counts a quorum as lost that nobody waited for.
func TestWhyARequestEndedIsTold(t *testing.T) {
	moved := errors.New("moved on")
	for name, tc := range map[string]struct {
		end     func(ctx context.Context) (context.Context, context.CancelFunc)
		timeout time.Duration
		want    error
		lost    int64
	}{
		"the caller cancels": {
			end: func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(ctx)
				time.AfterFunc(150*time.Millisecond, cancel)
				return ctx, cancel
			},
			want: context.Canceled,
		},
		"the caller cancels for a reason": {
			end: func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancelCause(ctx)
				time.AfterFunc(150*time.Millisecond, func() { cancel(moved) })
				return ctx, func() { cancel(nil) }
			},
			want: moved,
		},
		"the caller's deadline passes": {
			end: func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, 150*time.Millisecond)
			},
			want: request.ErrTimeout, lost: 1,
		},
		"the timeout passes": {
			end: func(ctx context.Context) (context.Context, context.CancelFunc) {
				return ctx, func() {}
			},
			timeout: 400 * time.Millisecond, want: request.ErrTimeout, lost: 1,
		},
	} {
		requests := map[string]func(ctx context.Context, n *testNode, key string) error{
			"get": func(ctx context.Context, n *testNode, key string) error {
				_, err := n.Get(ctx, "default", key, request.ReadOptions{R: request.All, Timeout: tc.timeout})
				return err
			},
			"put": func(ctx context.Context, n *testNode, key string) error {
				_, err := n.Put(ctx, "default", key, nil, request.WriteOptions{W: request.All, Timeout: tc.timeout})
				return err
			},
		}
		for verb, do := range requests {
			for where, pick := range map[string]func(p, others []*testNode) *testNode{
				"at a replica": func(p, _ []*testNode) *testNode { return p[0] },
				"forwarded":    func(_, others []*testNode) *testNode { return others[0] },
			} {
				t.Run(name+", "+verb+" "+where, func(t *testing.T) {
					inCluster(t, 4, func(t *testing.T, c *cluster) {
						key, p, others := c.key(0)
						n := pick(p, others)
						p[0].mustPut(t, key, "v", request.WriteOptions{W: request.All})
						n.mustGet(t, key, "v", request.ReadOptions{})
						for _, other := range c.nodes {
							if other != n {
								c.cut(n, other)
							}
						}
						ctx, cancel := tc.end(t.Context())
						defer cancel()
						err := do(ctx, n, key)
						if !errors.Is(err, tc.want) || !errors.Is(err, request.ErrQuorum) {
							t.Errorf("%v; want %v", err, tc.want)
						}
						if errors.Is(err, request.ErrTimeout) != errors.Is(tc.want, request.ErrTimeout) {
							t.Errorf("a timeout: %v", err)
						}
						if lost := n.Counters().QuorumsLost.Load(); lost != tc.lost {
							t.Errorf("%d quorums were lost, want %d", lost, tc.lost)
						}
						if want := request.OutcomeOf(err); verb == "put" && want != request.Unknown {
							t.Errorf("outcome %v", want)
						}
					})
				})
			}
		}
	}
}

func TestAcknowledgementsBeforeTheSyncDoNotCount(t *testing.T) {
	for name, tc := range map[string]struct {
		unsynced bool
		body     []byte
		ok       bool
	}{
		"after the sync":                         {body: []byte{answerSynced}, ok: true},
		"before it, where a synced put asked":    {body: []byte{0}},
		"before it, where an unsynced put asked": {unsynced: true, body: []byte{0}, ok: true},
		"nothing that could be told apart":       {unsynced: true, body: nil},
	} {
		t.Run(name, func(t *testing.T) {
			a := &ask{node: 2}
			if err := acceptJoin(a, 1, tc.unsynced, tc.body); (err == nil) != tc.ok || err != nil && !errors.Is(err, errMessage) {
				t.Errorf("accepted: %v", err)
			}
			if tc.ok && a.durable == tc.unsynced {
				t.Errorf("durable %v", a.durable)
			}
		})
	}
}

func TestCloseEndsRequestsAtWork(t *testing.T) {
	const minute = time.Minute
	for name, tc := range map[string]struct {
		forwarded bool
		do        func(ctx context.Context, n *testNode, key string) error
	}{
		"a get": {do: func(ctx context.Context, n *testNode, key string) error {
			_, err := n.Get(ctx, "default", key, request.ReadOptions{R: request.All, Timeout: minute})
			return err
		}},
		"a put": {do: func(ctx context.Context, n *testNode, key string) error {
			_, err := n.Put(ctx, "default", key, nil, request.WriteOptions{W: request.All, Timeout: minute})
			return err
		}},
		"a get that is forwarded": {forwarded: true, do: func(ctx context.Context, n *testNode, key string) error {
			_, err := n.Get(ctx, "default", key, request.ReadOptions{Strict: request.On, Timeout: minute})
			return err
		}},
		"a delete that is forwarded": {forwarded: true, do: func(ctx context.Context, n *testNode, key string) error {
			_, err := n.Delete(ctx, "default", key, request.WriteOptions{Strict: request.On, Timeout: minute})
			return err
		}},
		"a listing": {do: func(ctx context.Context, n *testNode, _ string) error {
			for _, err := range n.Scan(ctx, "default", request.ScanOptions{Timeout: minute}) {
				if err != nil {
					return err
				}
			}
			return nil
		}},
		"an explanation": {do: func(ctx context.Context, n *testNode, key string) error {
			_, err := n.Explain(ctx, "default", key)
			if err == nil { // it tells of whom it could not ask
				err = errors.Join(request.ErrQuorum, request.ErrClosed)
			}
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, 4, func(t *testing.T, c *cluster) {
				key, p, others := c.key(0)
				n := p[0]
				if tc.forwarded {
					n = others[0]
				}
				p[0].mustPut(t, key, "v", request.WriteOptions{W: request.All})
				n.mustGet(t, key, "v", request.ReadOptions{})
				for _, other := range c.nodes {
					if other != n {
						c.cut(n, other)
					}
				}
				failed := make(chan error, 1)
				go func() { failed <- tc.do(t.Context(), n, key) }()
				time.Sleep(50 * time.Millisecond)
				n.closeAtOnce(t)
				if err := <-failed; !errors.Is(err, request.ErrQuorum) || !errors.Is(err, request.ErrClosed) {
					t.Errorf("the request at work: %v", err)
				}
				if _, err := n.Get(t.Context(), "default", key, request.ReadOptions{}); !errors.Is(err, request.ErrNotReady) {
					t.Errorf("a request afterwards: %v", err)
				}
			})
		})
	}
}

// closeAtOnce closes the coordinator, which must wait for nothing.
func (n *testNode) closeAtOnce(t *testing.T) {
	t.Helper()
	started := time.Now()
	if err := n.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if took := time.Since(started); took > 0 {
		t.Errorf("closing took %v", took)
	}
}

// A listing whose caller is busy with an entry, closing the node perhaps, holds
// nothing up, and ends at the next page.
func TestCloseWaitsForNoCallerOfAListing(t *testing.T) {
	inCluster(t, 1, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		for i := range 20 {
			key, _, _ := c.key(i)
			n.mustPut(t, key, "v", request.WriteOptions{})
		}
		closed, err := false, error(nil)
		for _, err = range n.Scan(t.Context(), "default", request.ScanOptions{}) {
			if !closed {
				n.closeAtOnce(t)
			}
			closed = true
		}
		if !errors.Is(err, request.ErrClosed) {
			t.Errorf("the listing ended with %v", err)
		}
	})
}
