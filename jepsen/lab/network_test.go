package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// pair opens a connection between two hosts of a new network.
func pair(t *testing.T) (n *Network, a, b *Host, there, back net.Conn) {
	t.Helper()
	n = NewNetwork(1)
	a, b = n.Host("a"), n.Host("b")
	l, err := b.Listen("b:1")
	if err != nil {
		t.Fatal(err)
	}
	there, err = a.Dial(t.Context(), "b:1")
	if err != nil {
		t.Fatal(err)
	}
	back, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return n, a, b, there, back
}

func write(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatalf("write %q: %v", text, err)
	}
}

func read(t *testing.T, c net.Conn, want string) {
	t.Helper()
	p := make([]byte, len(want))
	if _, err := io.ReadFull(c, p); err != nil || string(p) != want {
		t.Fatalf("read %q, %v; want %q", p, err, want)
	}
}

// silentFor checks that nothing arrives for d.
func silentFor(t *testing.T, c net.Conn, d time.Duration) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(d)); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("read %d bytes, %v; want silence", n, err)
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
}

func TestBytesArriveInOrderAfterALatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, _, there, back := pair(t)
		started := time.Now()
		var want strings.Builder
		for i := range 100 {
			write(t, there, fmt.Sprintf("%d,", i))
			fmt.Fprintf(&want, "%d,", i)
			if i%10 == 0 {
				time.Sleep(10 * time.Microsecond)
			}
		}
		read(t, back, want.String())
		if took := time.Since(started); took < latency || took > latency+2*jitter {
			t.Errorf("took %v; want about %v", took, latency+jitter/2)
		}
		write(t, back, "answer")
		read(t, there, "answer")
	})
}

func TestWhatIsWrittenAtOneInstantArrivesAtOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, _, there, back := pair(t)
		for range 50 {
			write(t, there, "x")
		}
		p := make([]byte, 100)
		if n, err := back.Read(p); n != 50 || err != nil {
			t.Errorf("one read gives %d bytes, %v; want all 50", n, err)
		}
	})
}

func TestCutHoldsUpOneDirectionUntilMended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, _, there, back := pair(t)
		n.Cut("a", "b")
		write(t, there, "late")
		silentFor(t, back, time.Minute)
		write(t, back, "the other way")
		read(t, there, "the other way")
		if _, ok := n.Good("a", "b"); ok {
			t.Error("a link that is cut is called good")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := a.Dial(ctx, "b:1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("dial over a cut: %v; want no answer in time", err)
		}
		mended := time.Now()
		n.Mend("a", "b")
		read(t, back, "late")
		if took := time.Since(mended); took > slowest+latency {
			t.Errorf("took %v after the cut ended; want at most %v", took, slowest)
		}
		if since, ok := n.Good("b", "a"); !ok || !since.Equal(mended) {
			t.Errorf("good since %v, %t; want since %v", since, ok, mended)
		}
	})
}

func TestDialThatACutHeldUpSucceedsAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, _, _, _ := pair(t)
		n.Cut("b", "a")
		time.AfterFunc(5*time.Second, func() { n.Mend("b", "a") })
		started := time.Now()
		c, err := a.Dial(t.Context(), "b:1")
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(started); took < 5*time.Second || took > 11*time.Second {
			t.Errorf("took %v; want 5 to 11 s", took)
		}
		write(t, c, "x")
	})
}

func TestSlowLinkDelaysAndLosesForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _, _, there, back := pair(t)
		n.Slow("a", "b", 50*time.Millisecond, 0)
		started := time.Now()
		write(t, there, "x")
		read(t, back, "x")
		if took := time.Since(started); took < 50*time.Millisecond || took > 60*time.Millisecond {
			t.Errorf("took %v; want a little over 50 ms", took)
		}
		n.Slow("a", "b", 0, 0.5)
		late := 0
		for range 100 {
			started := time.Now()
			write(t, there, "x")
			read(t, back, "x")
			if time.Since(started) >= resend {
				late++
			}
		}
		if late < 30 || late > 70 {
			t.Errorf("%d of 100 were held up; want about half", late)
		}
		n.Heal()
		started = time.Now()
		write(t, there, "x")
		read(t, back, "x")
		if took := time.Since(started); took > 10*time.Millisecond {
			t.Errorf("took %v after Heal", took)
		}
	})
}

func TestKillResetsPeersAndRefusesCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b, there, back := pair(t)
		write(t, back, "last words")
		b.Kill()
		read(t, there, "last words")
		if _, err := there.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read from a dead process: %v; want a reset", err)
		}
		if _, err := back.Write([]byte("x")); !errors.Is(err, errDead) {
			t.Errorf("a dead process writes: %v", err)
		}
		if _, err := a.Dial(t.Context(), "b:1"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial a dead process: %v; want refused", err)
		}
		if _, err := b.Listen("b:1"); !errors.Is(err, errDead) {
			t.Errorf("a dead process listens: %v", err)
		}
		if _, err := n.Host("b").Listen("b:1"); err != nil {
			t.Errorf("a new process at the name: %v", err)
		}
	})
}

func TestPowerOffIsSilenceUntilTheMachineIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b, there, _ := pair(t)
		b.PowerOff()
		write(t, there, "anybody?")
		silentFor(t, there, time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := a.Dial(ctx, "b:1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("dial a machine that is off: %v; want no answer in time", err)
		}
		n.Host("b")
		if _, err := there.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read once the machine is back: %v; want a reset", err)
		}
	})
}

func TestResetBreaksConnectionsAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, _, there, back := pair(t)
		n.Reset("a", "b")
		for _, c := range []net.Conn{there, back} {
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("read: %v; want a reset", err)
			}
		}
		if _, err := a.Dial(t.Context(), "b:1"); err != nil {
			t.Errorf("dial after a reset: %v", err)
		}
	})
}

func TestCloseIsSeenByBothEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, _, there, back := pair(t)
		write(t, there, "bye")
		if err := there.Close(); err != nil {
			t.Fatal(err)
		}
		read(t, back, "bye")
		if _, err := back.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("read after the peer closed: %v; want EOF", err)
		}
		write(t, back, "too late")
		if _, err := back.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read: %v", err)
		}
		time.Sleep(10 * time.Millisecond)
		if _, err := back.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("write to a closed end: %v; want a reset", err)
		}
		if err := there.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second close: %v", err)
		}
	})
}

func TestWriterWaitsForAReaderThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, _, there, back := pair(t)
		if err := there.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := there.Write(make([]byte, 2*window))
		if n != window || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("wrote %d bytes, %v; want %d and the deadline", n, err, window)
		}
		if err := there.SetWriteDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() {
			_, err := there.Write(make([]byte, window))
			done <- err
		}()
		if _, err := io.ReadFull(back, make([]byte, 2*window)); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestListenRefusesWhatIsNotItsOwn(t *testing.T) {
	n := NewNetwork(1)
	a := n.Host("a")
	if _, err := a.Listen("b:1"); err == nil {
		t.Error("host a listens as b")
	}
	if _, err := a.Listen("nonsense"); err == nil {
		t.Error("an address without a port is listened on")
	}
	if _, err := a.Listen("a:1"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Listen("a:1"); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a port twice: %v", err)
	}
}

func TestHTTPRunsOverIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := NewNetwork(1)
		l, err := n.Host("server").Listen("server:80")
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			if _, err := w.Write(body); err != nil {
				t.Error(err)
			}
		})}
		served := make(chan error, 1)
		go func() { served <- server.Serve(l) }()
		client := n.Host("client")
		transport := &http.Transport{DialContext: func(ctx context.Context, _, address string) (net.Conn, error) { return client.Dial(ctx, address) }}
		body := strings.Repeat("0123456789", 10_000)
		response, err := (&http.Client{Transport: transport, Timeout: 5 * time.Second}).Post("http://server/", "text/plain", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(response.Body)
		if err != nil || string(got) != body {
			t.Errorf("%d bytes, %v; want %d", len(got), err, len(body))
		}
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
		transport.CloseIdleConnections()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}
