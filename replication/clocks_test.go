package replication

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/replication/skew"
)

// A node whose clock is off takes no writes: those that reach it are minted elsewhere, by
// a clock that is right. It says so, the others say so, and it is over when it is set right.
func TestANodeWhoseClockIsOffMintsNothing(t *testing.T) {
	for name, off := range map[string]time.Duration{"ahead": 2 * time.Minute, "behind": -2 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, 3, func(t *testing.T, c *cluster) {
				key, p, _ := c.key(0)
				time.Sleep(time.Minute)
				if alarms := p[1].Status(t.Context()).Alarms; len(alarms) > 0 {
					t.Fatalf("alarms while all is well: %q", alarms)
				}
				p[0].setOff(off)
				time.Sleep(10*time.Second + max(0, -off)) // set back, its hybrid clock stands until it is passed
				for _, n := range p {
					alarms := n.Status(t.Context()).Alarms
					if len(alarms) != 1 || !strings.Contains(alarms[0], "node "+p[0].host+" is 2m") || !strings.Contains(alarms[0], name) {
						t.Errorf("%s tells %q", n.host, alarms)
					}
				}
				if ahead := p[0].ClockAhead(); (ahead - off).Abs() > time.Second {
					t.Errorf("it believes to be ahead by %v, want %v", ahead, off)
				}
				before := time.Now().Add(-time.Second)
				p[0].mustPut(t, key, "v", request.WriteOptions{W: request.All, TTL: time.Hour})
				v := p[1].mustGet(t, key, "v", request.ReadOptions{R: request.All})
				if at := v.Siblings[0].Modified; at.Before(before) || at.After(time.Now().Add(time.Second)) {
					t.Errorf("the value was minted at %v, now is %v", at, time.Now())
				}
				if in := time.Until(v.Siblings[0].Expires); (in - time.Hour).Abs() > time.Second {
					t.Errorf("it expires in %v, want an hour", in)
				}
				c.cut(p[0], p[1:]...)
				_, err := p[0].Put(t.Context(), "default", key, nil, request.WriteOptions{W: 1})
				if !errors.Is(err, request.ErrNotReady) && !errors.Is(err, request.ErrQuorum) {
					t.Errorf("a put that only it could take: %v", err)
				}
				if err := p[0].inTime(); !errors.Is(err, request.ErrNotReady) || !errors.Is(err, skew.ErrOff) || request.OutcomeOf(err) != request.None {
					t.Errorf("it refuses with %v", err)
				}
				time.Sleep(5 * time.Second)
				c.mend(p[0], p[1:]...)
				p[0].setOff(0)
				if off > 0 {
					return // its hybrid clock stays ahead until time has caught up
				}
				time.Sleep(10 * time.Second)
				if alarms := p[0].Status(t.Context()).Alarms; len(alarms) > 0 {
					t.Errorf("alarms afterwards: %q", alarms)
				}
				p[0].mustPut(t, key, "w", request.WriteOptions{})
			})
		})
	}
}

// Of two nodes nobody knows who is off: both say so, and both take writes.
func TestHalfOfTheNodesAreNoMajority(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		key, p, _ := c.key(0)
		c.cut(p[2], p[:2]...)
		time.Sleep(time.Minute)
		p[0].setOff(2 * time.Minute)
		time.Sleep(10 * time.Second)
		for _, n := range p[:2] {
			if alarms := n.Status(t.Context()).Alarms; len(alarms) != 1 || !strings.Contains(alarms[0], "the clock of node") {
				t.Errorf("%s tells %q", n.host, alarms)
			}
			n.mustPut(t, key, n.host, request.WriteOptions{})
		}
	})
}

// setOff sets a node's clock off, as an operator or a broken time server does.
func (n *testNode) setOff(off time.Duration) { n.skew.Store(int64(off)) }
