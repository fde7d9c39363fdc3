package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/hengedb/henge/api/problem"
	"github.com/hengedb/henge/api/wire"
	"github.com/hengedb/henge/replication/request"
)

// place is what a path names.
type place uint8

const (
	placeNone place = iota
	placeKey
	placeList
	placeExplain
	placeStatus
	placeLayout
	placeBuckets
	placeBucket
	placeSettings
	placeStage
	placePlan
	placeApply
	placePause
	placeResume
	placeRevert
	placeForce
	placeAmend
	placeVerify
	placeGovernor
	placeSalvage
	placeLacking
	placeRestore
	placeDiscard
	placeOpen
	placeMetrics
	placeLive
	placeReady
	placeContract
	placePprof
)

// The paths outside /v1.
const (
	pathMetrics  = "/metrics"
	pathLive     = "/livez"
	pathReady    = "/readyz"
	pathContract = "/openapi.yaml"
	pathPprof    = "/debug/pprof/"
)

// places are the paths that name no bucket.
var places = map[string]place{
	wire.AllBuckets: placeBuckets, wire.Cluster: placeStatus, wire.ClusterSettings: placeSettings,
	wire.Layout: placeLayout, wire.Stage: placeStage, wire.Plan: placePlan, wire.Apply: placeApply,
	wire.Pause: placePause, wire.Resume: placeResume, wire.Revert: placeRevert, wire.Force: placeForce, wire.Amend: placeAmend, wire.Verify: placeVerify,
	wire.NodeGovernor: placeGovernor,
	wire.Salvage:      placeSalvage, wire.SalvageLacking: placeLacking, wire.SalvageRestore: placeRestore,
	wire.SalvageDiscard: placeDiscard, wire.SalvageOpen: placeOpen,
	pathMetrics: placeMetrics, pathLive: placeLive, pathReady: placeReady, pathContract: placeContract,
}

// route is a parsed path. Bucket and key are checked only for what a path can get
// wrong, not for what a bucket or key may be.
type route struct {
	place  place
	bucket string
	key    string
}

// parseRoute reads an escaped path as it was sent.
func parseRoute(escaped string) (route, error) {
	if rest, ok := strings.CutPrefix(escaped, wire.InBuckets); ok {
		return parseBucketRoute(rest)
	}
	if place, ok := places[escaped]; ok {
		return route{place: place}, nil
	}
	if strings.HasPrefix(escaped, pathPprof) {
		return route{place: placePprof}, nil
	}
	return route{}, noRoute(escaped)
}

func noRoute(escaped string) error { return fmt.Errorf("%w: %s", problem.ErrNoRoute, escaped) }

// parseBucketRoute reads what follows /v1/buckets/.
func parseBucketRoute(rest string) (route, error) {
	escapedBucket, rest, inside := strings.Cut(rest, "/")
	verb, escapedKey, hasKey := strings.Cut(rest, "/")
	r := route{}
	switch {
	case !inside && escapedBucket != "":
		r.place = placeBucket
	case verb == "keys" && hasKey:
		r.place = placeKey
	case verb == "keys":
		r.place = placeList
	case verb == "explain" && hasKey:
		r.place = placeExplain
	default:
		return route{}, noRoute(wire.InBuckets + escapedBucket + "/" + rest)
	}
	bucket, err := url.PathUnescape(escapedBucket)
	if err != nil {
		return r, fmt.Errorf("%w: %w", request.ErrBadBucket, err)
	}
	r.bucket = bucket
	if hasKey {
		r.key, err = parseKey(escapedKey)
	}
	return r, err
}

// parseKey decodes a key once. A segment "." or "..", escaped or not, is refused:
// what stands before us may or may not have removed others like it.
func parseKey(escaped string) (string, error) {
	key, err := url.PathUnescape(escaped)
	if err != nil {
		return "", fmt.Errorf("%w: %w", request.ErrBadKey, err)
	}
	if strings.Contains(key, ".") {
		for segment := range strings.SplitSeq(escaped, "/") {
			if dots, err := url.PathUnescape(segment); err == nil && (dots == "." || dots == "..") {
				return "", fmt.Errorf("%w: the path segment %q cannot be sent reliably; escape the slashes of the key as %%2F", request.ErrBadKey, dots)
			}
		}
	}
	return key, nil
}

// allowed lists the methods of a place.
func (p place) allowed() []string {
	switch p {
	case placeKey:
		return []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete}
	case placeList, placeExplain:
		return []string{http.MethodGet}
	case placeBucket:
		return []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete}
	case placeSettings, placeGovernor:
		return []string{http.MethodGet, http.MethodHead, http.MethodPut}
	case placeStage:
		return []string{http.MethodPost, http.MethodDelete}
	case placeApply, placePause, placeResume, placeRevert, placeForce, placeAmend, placeVerify,
		placeLacking, placeRestore, placeDiscard, placeOpen:
		return []string{http.MethodPost}
	case placePprof:
		return []string{http.MethodGet, http.MethodHead, http.MethodPost}
	}
	return []string{http.MethodGet, http.MethodHead}
}
