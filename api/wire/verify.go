package wire

import "github.com/hengedb/henge/replication/request"

// Verification is request.Verification with keys that JSON can hold.
type Verification struct {
	request.Verification
	Differing []DifferingKey `json:"differing,omitempty"` // hides the embedded one
}

// DifferingKey is a key of which not all replicas hold the same.
type DifferingKey struct {
	Bucket string `json:"bucket"`
	Key
	Digests map[string]string `json:"digests"`
}

// VerificationOf renders what a comparison found.
func VerificationOf(v request.Verification) Verification {
	w := Verification{Verification: v}
	for _, d := range v.Differing {
		w.Differing = append(w.Differing, DifferingKey{Bucket: d.Bucket, Key: KeyOf(d.Key), Digests: d.Digests})
	}
	return w
}

// Request is the inverse of VerificationOf.
func (w Verification) Request() request.Verification {
	v := w.Verification
	v.Differing = nil
	for _, d := range w.Differing {
		v.Differing = append(v.Differing, request.DifferingKey{Bucket: d.Bucket, Key: d.String(), Digests: d.Digests})
	}
	return v
}
