package henge

import (
	"bytes"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge/storage"
)

func TestWhatIsSetAsideOutlivesARestart(t *testing.T) {
	o := storage.Options{FS: vfs.NewMem()}
	store, err := storage.Open("store", o)
	if err != nil {
		t.Fatal(err)
	}
	log := documentLog{store}
	if names, err := log.LoadAside(); err != nil || names != nil {
		t.Errorf("of a new store: %v, %v", names, err)
	}
	for _, name := range []string{"e0.v4.aa", "e0.v5.bb", "e0.v4.aa"} {
		if err := log.SaveAside(t.Context(), name, []byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if store, err = storage.Open("store", o); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	log = documentLog{store}
	names, err := log.LoadAside()
	if err != nil || !slices.Equal(names, []string{"e0.v4.aa", "e0.v5.bb"}) {
		t.Errorf("listed: %v, %v", names, err)
	}
	for _, name := range names {
		if raw, err := store.Meta("aside/" + name); err != nil || !bytes.Equal(raw, []byte(name)) {
			t.Errorf("kept as %s: %q, %v", name, raw, err)
		}
	}
}
