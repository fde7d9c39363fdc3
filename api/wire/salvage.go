package wire

import (
	"time"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// Salvaged is request.Salvaged with keys that JSON can hold.
type Salvaged struct {
	request.Salvaged
	Lacking []LackingValue `json:"lacking,omitempty"` // hides the embedded one
}

// LackingValue is request.LackingValue with a key that JSON can hold.
type LackingValue struct {
	Bucket string `json:"bucket"`
	Key
	ID          string    `json:"id"`
	Modified    time.Time `json:"modified"`
	ContentType string    `json:"content_type,omitempty"`
	Size        int       `json:"size"`
	Restored    bool      `json:"restored,omitempty"`
	Error       string    `json:"error,omitempty"`
}

// SalvagedOf renders what was found in a set.
func SalvagedOf(s request.Salvaged) Salvaged {
	w := Salvaged{Salvaged: s}
	for _, v := range s.Lacking {
		w.Lacking = append(w.Lacking, LackingValue{v.Bucket, KeyOf(v.Key), v.ID, v.Modified, v.ContentType, v.Size, v.Restored, v.Error})
	}
	return w
}

// Request is the inverse of SalvagedOf.
func (w Salvaged) Request() request.Salvaged {
	s := w.Salvaged
	s.Lacking = nil
	for _, v := range w.Lacking {
		s.Lacking = append(s.Lacking, request.LackingValue{
			Bucket: v.Bucket, Key: v.String(), ID: v.ID, Modified: v.Modified, ContentType: v.ContentType, Size: v.Size,
			Restored: v.Restored, Error: v.Error,
		})
	}
	return s
}

// Opened names the partition that a node shall serve as it is.
type Opened struct {
	Partition ring.Partition `json:"partition"`
}

// Discarded names the set that shall be forgotten.
type Discarded struct {
	Set uint32 `json:"set"`
}
