package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"
)

// Forget is how fast a cluster forgets what is deleted. The zero value is the product's
// own pace, a day.
type Forget struct {
	Grace         time.Duration // after what something deleted may be reaped
	ReapEvery     time.Duration
	ExchangeEvery time.Duration
	// Silent is after what a new store takes the place of the one that its node lost, by
	// itself; 0 leaves that, and all changes of the layout, to an operator.
	Silent time.Duration
}

// ForgetSoon is a pace at which rounds of reaping run all the time, faults or not. The
// grace is longer than a put may be on its way before nobody mints it any more.
func ForgetSoon() Forget {
	return Forget{Grace: 2 * time.Second, ReapEvery: time.Second, ExchangeEvery: 10 * time.Second}
}

// forgetSoon sets the pace, as a person would.
func (l *Lab) forgetSoon(ctx context.Context) error {
	f := l.o.Forget
	if f.Grace == 0 {
		return nil
	}
	settings := map[string]any{"grace_ms": f.Grace.Milliseconds()}
	if f.Silent > 0 {
		settings["silent_ms"], settings["auto_join"] = f.Silent.Milliseconds(), true
	}
	body, err := json.Marshal(settings)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, "/v1/cluster/settings", strings.NewReader(string(body)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	l.nodes[0].Process().Handler().ServeHTTP(answer, req)
	if answer.Code != http.StatusOK {
		return fmt.Errorf("settings: %d %s", answer.Code, answer.Body)
	}
	return nil
}

// DrawForgets makes a plan for d from which one node comes back with less on its disk than
// it had, if one dies at all: with nothing, or with what it had earlier. One is the most: of two copies of a write that were acknowledged one must stay.
func DrawForgets(seed uint64, nodes []string, d time.Duration) Plan {
	plan := Draw(seed, nodes, d, append(AllFaults(), FaultKill, FaultPower))
	r := rand.New(rand.NewPCG(seed, text("disks")))
	var deaths []Step
	for _, s := range plan {
		if s.Do == FaultKill || s.Do == FaultPower {
			deaths = append(deaths, s)
		}
	}
	what := r.IntN(3)
	if len(deaths) == 0 || what == 0 {
		return plan
	}
	death := deaths[r.IntN(len(deaths))]
	lost := Step{At: death.At + time.Millisecond, Do: FaultWipe, Node: death.Node}
	if what == 2 {
		lost.Do = FaultRestore
		copied := time.Duration(r.Int64N(int64(death.At))) // while it runs, or is dead: both are disks
		plan = plan.With(Plan{{At: copied, Do: FaultCopy, Node: death.Node}})
	}
	return plan.With(Plan{lost})
}
