package lab

import (
	"log/slog"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hengedb/henge"
)

// logger shows the nodes' logs when HENGE_LAB_LOG is set.
func logger() *slog.Logger {
	if os.Getenv("HENGE_LAB_LOG") == "" {
		return nil
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// inBubble opens a lab in a bubble, runs f and closes it.
func inBubble(t *testing.T, o Options, f func(t *testing.T, l *Lab)) {
	t.Helper()
	o.Logger = logger()
	synctest.Test(t, func(t *testing.T) {
		l, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		f(t, l)
		if err := l.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		time.Sleep(time.Minute)
	})
}

func TestThreeWholeNodesServeInABubble(t *testing.T) {
	inBubble(t, Options{Nodes: 3, Seed: 1}, func(t *testing.T, l *Lab) {
		bucket := func(i int) *henge.Bucket { return l.Nodes()[i].Process().Bucket("default") }
		receipt, err := bucket(0).Put(t.Context(), "k", []byte("v"), henge.WriteOptions{W: henge.All})
		if err != nil || receipt.Acks != 3 {
			t.Fatalf("put: %+v, %v", receipt, err)
		}
		value, err := bucket(1).Get(t.Context(), "k", henge.ReadOptions{})
		if data, _ := value.Bytes(); string(data) != "v" || err != nil {
			t.Errorf("get: %q, %v; want v", data, err)
		}
		l.Nodes()[2].Kill()
		if _, err := bucket(0).Put(t.Context(), "k", []byte("w"), henge.WriteOptions{}); err != nil {
			t.Errorf("put with one node dead: %v", err)
		}
		if l.Nodes()[2].Process() != nil {
			t.Error("a killed node has a process")
		}
		if err := l.Nodes()[2].Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := l.Nodes()[2].AwaitReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(settled)
		for _, debt := range l.Drain(t.Context()) {
			if debt.Hints > 0 {
				t.Errorf("%s owes %d hints", debt.Node, debt.Hints)
			}
		}
		value, err = bucket(2).Get(t.Context(), "k", henge.ReadOptions{R: 1})
		if data, _ := value.Bytes(); string(data) != "w" || err != nil {
			t.Errorf("get at the node that was dead: %q, %v; want w", data, err)
		}
	})
}

func TestPowerLossKeepsWhatWasAcknowledged(t *testing.T) {
	for _, kept := range []int{0, 50, 100} {
		inBubble(t, Options{Nodes: 1, Replicas: 1, Seed: 2}, func(t *testing.T, l *Lab) {
			n := l.Nodes()[0]
			if _, err := n.Process().Bucket("default").Put(t.Context(), "k", []byte("v"), henge.WriteOptions{}); err != nil {
				t.Fatal(err)
			}
			n.PowerOff(kept)
			if err := n.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := n.AwaitReady(t.Context()); err != nil {
				t.Fatal(err)
			}
			value, err := n.Process().Bucket("default").Get(t.Context(), "k", henge.ReadOptions{})
			if data, _ := value.Bytes(); string(data) != "v" || err != nil {
				t.Errorf("with %d %% kept: %q, %v; want v", kept, data, err)
			}
		})
	}
}

func TestSideCountsWhoHearEachOther(t *testing.T) {
	inBubble(t, Options{Nodes: 5, Seed: 3}, func(t *testing.T, l *Lab) {
		n := l.Nodes()
		side := func(want ...int) {
			t.Helper()
			for i, w := range want {
				if got := l.Side(n[i]); got != w {
					t.Errorf("%s is on a side of %d; want %d", n[i].Name(), got, w)
				}
			}
		}
		time.Sleep(settled)
		side(5, 5, 5, 5, 5)
		l.Net.Split([]string{"n1", "n2", "n3"}, []string{"n4", "n5"})
		side(3, 3, 3, 2, 2)
		l.Net.Heal()
		side(3, 3, 3, 2, 2)
		time.Sleep(settled)
		l.Net.Cut("n1", "n2")
		side(4, 4, 0, 0, 0)
		l.Net.Heal()
		time.Sleep(settled)
		n[4].Kill()
		side(4, 4, 4, 4, 0)
	})
}

func TestOptionsThatContradictAreRefused(t *testing.T) {
	for name, o := range map[string]Options{
		"too many nodes":    {Nodes: 33},
		"negative replicas": {Replicas: -1},
		"negative skew":     {Skew: -1},
	} {
		if _, err := Open(t.Context(), o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
