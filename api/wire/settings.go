package wire

import "github.com/hengedb/henge/ring"

// Settings are the cluster's own as JSON. Zero of a number is the built-in default.
type Settings struct {
	AutoBuckets   bool   `json:"auto_buckets"`
	AutoJoin      bool   `json:"auto_join"`
	R             string `json:"r"`
	W             string `json:"w"`
	Strict        bool   `json:"strict"`
	Sync          bool   `json:"sync"`
	TimeoutMillis int64  `json:"timeout_ms"`
	MaxValueBytes int64  `json:"max_value_bytes"`
	TransferMiBps int    `json:"transfer_mibps"`
	SilentMillis  int64  `json:"silent_ms"`
	SkewMillis    int64  `json:"skew_ms"`
	GraceMillis   int64  `json:"grace_ms"`
}

// SettingsOf is what of the settings is sent.
func SettingsOf(s ring.Settings) Settings {
	counts := BucketOf(ring.Bucket{R: s.R, W: s.W})
	return Settings{
		AutoBuckets: s.AutoBuckets, AutoJoin: s.AutoJoin, R: counts.R, W: counts.W, Strict: s.Strict, Sync: !s.Unsynced,
		TimeoutMillis: s.TimeoutMillis, MaxValueBytes: s.MaxValueBytes, TransferMiBps: s.TransferMiBps, SilentMillis: s.SilentMillis,
		SkewMillis: s.SkewMillis, GraceMillis: s.GraceMillis,
	}
}

// SettingsChange says what the settings shall be. What is nil stays as it is.
type SettingsChange struct {
	AutoBuckets   *bool   `json:"auto_buckets,omitempty"`
	AutoJoin      *bool   `json:"auto_join,omitempty"`
	R             *string `json:"r,omitempty"`
	W             *string `json:"w,omitempty"`
	Strict        *bool   `json:"strict,omitempty"`
	Sync          *bool   `json:"sync,omitempty"`
	TimeoutMillis *int64  `json:"timeout_ms,omitempty"`
	MaxValueBytes *int64  `json:"max_value_bytes,omitempty"`
	TransferMiBps *int    `json:"transfer_mibps,omitempty"`
	SilentMillis  *int64  `json:"silent_ms,omitempty"`
	SkewMillis    *int64  `json:"skew_ms,omitempty"`
	GraceMillis   *int64  `json:"grace_ms,omitempty"`
}

// Apply is s with the change made. It fails with request.ErrBadValue for what is no
// count.
func (c SettingsChange) Apply(s ring.Settings) (ring.Settings, error) {
	set(&s.AutoBuckets, c.AutoBuckets)
	set(&s.AutoJoin, c.AutoJoin)
	set(&s.Strict, c.Strict)
	if c.Sync != nil {
		s.Unsynced = !*c.Sync
	}
	set(&s.TimeoutMillis, c.TimeoutMillis)
	set(&s.MaxValueBytes, c.MaxValueBytes)
	set(&s.TransferMiBps, c.TransferMiBps)
	set(&s.SilentMillis, c.SilentMillis)
	set(&s.SkewMillis, c.SkewMillis)
	set(&s.GraceMillis, c.GraceMillis)
	if err := setCount("r", &s.R, c.R); err != nil {
		return s, err
	}
	return s, setCount("w", &s.W, c.W)
}
