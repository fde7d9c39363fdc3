package heal

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/hengedb/henge/storage"
)

// title is how people are told of damage.
func title(d storage.Damage) string {
	if d.Table == "" {
		return "a stored value"
	}
	return "table " + d.Table
}

// reason is why damage is not rebuilt, with what a person can do about it.
func reason(err error) string {
	switch {
	case errors.Is(err, errAlone), errors.Is(err, errNobody):
		return err.Error() + ", so nothing was changed"
	case errors.Is(err, storage.ErrTooLarge):
		return err.Error() + ": stop the node, remove its data directory, and start it again: the other replicas fill it"
	}
	return err.Error()
}

// note remembers and logs why damage is not rebuilt; nothing when it is.
func (h *Heal) note(d storage.Damage, why string) {
	h.mu.Lock()
	before := h.stuck[title(d)]
	if why == "" {
		delete(h.stuck, title(d))
	} else {
		h.stuck[title(d)] = why
	}
	h.mu.Unlock()
	if why != "" && why != before {
		h.o.Logger.Warn("damage cannot be rebuilt yet; its keys are answered by the other replicas",
			slog.String("of", title(d)), slog.String("why", why), slog.String("cause", d.Cause))
	}
}

// forget drops what is known of damage that there is no more.
func (h *Heal) forget(damages []storage.Damage) {
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.DeleteFunc(h.stuck, func(of, _ string) bool {
		return !slices.ContainsFunc(damages, func(d storage.Damage) bool { return title(d) == of })
	})
}

// tell says that damage was rebuilt.
func (h *Heal) tell(d storage.Damage, done storage.Rebuilt) {
	text := fmt.Sprintf("%s was damaged on the disk, and was rebuilt from the other replicas at %s: %d keys that could not be read are whole again",
		title(d), h.o.Clock.Now().UTC().Format(time.RFC3339), done.Fetched)
	if done.Unread > 0 {
		text += fmt.Sprintf(", %d are lost that nobody else had", done.Unread)
	}
	h.mu.Lock()
	h.healed = text + "; look after this disk"
	h.mu.Unlock()
	h.o.Logger.Warn("damage was rebuilt from the other replicas", slog.String("of", title(d)), slog.String("cause", d.Cause),
		slog.Int("fetched", done.Fetched), slog.Int("objects", done.Objects), slog.Int("lost", done.Unread))
}

// Alarms says in a sentence each what is damaged and why it is not rebuilt yet, and what
// was rebuilt last since the process began: a disk that damaged one block damages others.
func (h *Heal) Alarms() (alarms []string) {
	damages := h.o.Store.Damages()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, d := range damages {
		text := title(d) + " is damaged on the disk, and is being rebuilt from the other replicas"
		if why := h.stuck[title(d)]; why != "" {
			text = fmt.Sprintf("%s is damaged on the disk, and cannot be rebuilt from the other replicas yet: %s", title(d), why)
		}
		if !slices.Contains(alarms, text) {
			alarms = append(alarms, text)
		}
	}
	if h.healed != "" {
		alarms = append(alarms, h.healed)
	}
	return alarms
}
