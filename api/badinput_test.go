package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/hengedb/henge/api/wire"
)

// bad is a request that must change nothing.
type bad struct {
	request *http.Request
	status  int
	code    string
	field   string
}

func TestBadInputIsRefusedWithTheFieldThatIsWrong(t *testing.T) {
	h := openNode(t).Handler()
	other := wants(t, do(t, h, ask("PUT", "/v1/buckets/default/keys/other", "v")), 204).Header.Get(wire.Context)
	elsewhere := wants(t, do(t, h, ask("PUT", "/v1/buckets/elsewhere/keys/k", "v")), 204).Header.Get(wire.Context)
	for _, table := range []map[string]bad{badNames(), badKnobs(), badHeaders(other, elsewhere), badBodies()} {
		for name, tc := range table {
			t.Run(name, func(t *testing.T) {
				method := tc.request.Method
				p := complaint(t, wants(t, do(t, h, tc.request), tc.status))
				if p.Code != tc.code || p.Field != tc.field || p.Outcome != "none" || p.Retryable {
					t.Errorf("code %q, field %q, outcome %q, retryable %v; want %q, %q, none, false: %s", p.Code, p.Field, p.Outcome, p.Retryable, tc.code, tc.field, p.Detail)
				}
				if method == "PUT" || method == "DELETE" {
					wants(t, do(t, h, ask("GET", key, "")), 404)
				}
			})
		}
	}
	list := wants(t, do(t, h, ask("GET", "/v1/buckets/default/keys", "")), 200).body
	if lines := strings.Split(strings.TrimSpace(list), "\n"); len(lines) != 2 {
		t.Errorf("something was stored: %s", list)
	}
}

func badNames() map[string]bad {
	put := func(path string) *http.Request { return ask("PUT", path, "v") }
	return map[string]bad{
		"an empty key":                      {put("/v1/buckets/default/keys/"), 400, "bad_key", "key"},
		"a key of 1025 bytes":               {put(key + strings.Repeat("x", 1024)), 400, "bad_key", "key"},
		"a key that is a dot":               {put("/v1/buckets/default/keys/."), 400, "bad_key", "key"},
		"a key that is two dots":            {put("/v1/buckets/default/keys/.."), 400, "bad_key", "key"},
		"a dot that is escaped":             {put("/v1/buckets/default/keys/%2e"), 400, "bad_key", "key"},
		"dots half escaped":                 {put("/v1/buckets/default/keys/.%2E"), 400, "bad_key", "key"},
		"dots between slashes":              {put("/v1/buckets/default/keys/a/../k"), 400, "bad_key", "key"},
		"a bucket that is dots":             {put("/v1/buckets/../keys/k"), 400, "bad_bucket", "bucket"},
		"an empty bucket":                   {put("/v1/buckets//keys/k"), 400, "bad_bucket", "bucket"},
		"a bucket of 65 bytes":              {put("/v1/buckets/" + strings.Repeat("b", 65) + "/keys/k"), 400, "bad_bucket", "bucket"},
		"a bucket in capitals":              {put("/v1/buckets/B/keys/k"), 400, "bad_bucket", "bucket"},
		"a bucket that begins with a dot":   {put("/v1/buckets/.b/keys/k"), 400, "bad_bucket", "bucket"},
		"a bucket with a slash":             {put("/v1/buckets/a%2Fb/keys/k"), 400, "bad_bucket", "bucket"},
		"a bucket with a zero byte":         {put("/v1/buckets/a%00/keys/k"), 400, "bad_bucket", "bucket"},
		"a bucket with a slash, odd beside": {put("/v1/buckets/b%2Fkeys%2Fx\"/keys/k"), 400, "bad_bucket", "bucket"},
		"to read an empty key":              {ask("GET", "/v1/buckets/default/keys/", ""), 400, "bad_key", "key"},
		"to delete an empty key":            {ask("DELETE", "/v1/buckets/default/keys/", ""), 400, "bad_key", "key"},
		"to explain an empty key":           {ask("GET", "/v1/buckets/default/explain/", ""), 400, "bad_key", "key"},
		"to list a bucket in capitals":      {ask("GET", "/v1/buckets/B/keys", ""), 400, "bad_bucket", "bucket"},
		"a path that is none":               {ask("GET", "/v1/keys", ""), 404, "no_route", "path"},
		"a path beside the keys":            {ask("PUT", "/v1/buckets/default/key/k", "v"), 404, "no_route", "path"},
		"a method that is none":             {ask("PATCH", key, "v"), 405, "method_not_allowed", "method"},
		"a post":                            {ask("POST", key, "v"), 405, "method_not_allowed", "method"},
		"to put a list":                     {ask("PUT", "/v1/buckets/default/keys", "v"), 405, "method_not_allowed", "method"},
	}
}

func badKnobs() map[string]bad {
	put := func(query string) *http.Request { return ask("PUT", key+"?"+query, "v") }
	get := func(query string) *http.Request { return ask("GET", key+"?"+query, "") }
	list := func(query string) *http.Request { return ask("GET", "/v1/buckets/default/keys?"+query, "") }
	const code = "bad_knob"
	return map[string]bad{
		"w of none":                        {put("w=0"), 400, code, "w"},
		"w below none":                     {put("w=-1"), 400, code, "w"},
		"w above the replica count":        {put("w=2"), 400, code, "w"},
		"w above it, of a delete":          {ask("DELETE", key+"?w=2", ""), 400, code, "w"},
		"w above any replica count":        {put("w=65"), 400, code, "w"},
		"w that overflows":                 {put("w=99999999999999999999"), 400, code, "w"},
		"r above the replica count":        {get("r=2"), 400, code, "r"},
		"r that is no number":              {get("r=banana"), 400, code, "r"},
		"r that is empty":                  {get("r="), 400, code, "r"},
		"r twice":                          {get("r=1&r=1"), 400, code, "r"},
		"r of a put":                       {put("r=1"), 400, code, "r"},
		"w of a get":                       {get("w=1"), 400, code, "w"},
		"sync of a get":                    {get("sync=true"), 400, code, "sync"},
		"an unknown parameter":             {put("banana=1"), 400, code, "banana"},
		"a parameter in capitals":          {put("W=1"), 400, code, "W"},
		"a parameter with an odd escape":   {put("w=%zz"), 400, code, "w"},
		"a name with an odd escape":        {put("%zz=1"), 400, code, "%zz"},
		"strict that is no switch":         {put("strict=yes"), 400, code, "strict"},
		"sync without a value":             {put("sync"), 400, code, "sync"},
		"a timeout of nothing":             {put("timeout=0"), 400, code, "timeout"},
		"a timeout below a millisecond":    {put("timeout=1us"), 400, code, "timeout"},
		"a timeout above a minute":         {put("timeout=61s"), 400, code, "timeout"},
		"a timeout that runs back":         {put("timeout=-1s"), 400, code, "timeout"},
		"a timeout that overflows":         {put("timeout=9999999999999999h"), 400, code, "timeout"},
		"a sibling without a name":         {get("sibling="), 400, code, "sibling"},
		"a limit of none":                  {list("limit=0"), 400, code, "limit"},
		"a limit that is no number":        {list("limit=many"), 400, code, "limit"},
		"a limit that overflows":           {list("limit=9999999999"), 400, code, "limit"},
		"a cursor that is none":            {list("cursor=!!"), 400, code, "cursor"},
		"values that is no switch":         {list("values=1"), 400, code, "values"},
		"a parameter of explain":           {ask("GET", "/v1/buckets/default/explain/k?r=1", ""), 400, code, "r"},
		"a parameter of the cluster":       {ask("GET", "/v1/cluster?x=1", ""), 400, code, "x"},
		"a parameter of the layout":        {ask("GET", "/v1/cluster/layout?x=1", ""), 400, code, "x"},
		"a semicolon between parameters":   {put("w=1;strict=true"), 400, code, "w"},
		"a parameter of a delete's reader": {ask("DELETE", key+"?r=1", ""), 400, code, "r"},
		"limit of a head":                  {ask("HEAD", key+"?limit=1", ""), 400, code, "limit"},
	}
}

func badHeaders(other, elsewhere string) map[string]bad {
	put := func(headers ...string) *http.Request { return ask("PUT", key, "v", headers...) }
	return map[string]bad{
		"a context that is no base64":         {put(wire.Context, "!!"), 400, "bad_context", wire.Context},
		"a context that is cut":               {put(wire.Context, other[:len(other)-4]), 400, "bad_context", wire.Context},
		"a context with a byte changed":       {put(wire.Context, "A"+flip(other[1:])), 400, "bad_context", wire.Context},
		"a context of another key":            {put(wire.Context, other), 400, "bad_context", wire.Context},
		"a context of another bucket":         {put(wire.Context, elsewhere), 400, "bad_context", wire.Context},
		"a context of another key, to delete": {ask("DELETE", key, "", wire.Context, other), 400, "bad_context", wire.Context},
		"an empty context":                    {put(wire.Context, ""), 400, "bad_value", wire.Context},
		"two contexts":                        {put(wire.Context, other, wire.Context, other), 400, "bad_value", wire.Context},
		"a context that is misspelled":        {put("Henge-Contxt", other), 400, "bad_value", "Henge-Contxt"},
		"a TTL without a unit":                {put("Henge-TTL", "60"), 400, "bad_value", "Henge-Ttl"},
		"a TTL of nothing":                    {put("Henge-TTL", "0s"), 400, "bad_value", "Henge-Ttl"},
		"a TTL under a second":                {put("Henge-TTL", "999ms"), 400, "bad_value", "Henge-Ttl"},
		"a TTL that runs back":                {put("Henge-TTL", "-1ns"), 400, "bad_value", "Henge-Ttl"},
		"a TTL over a hundred years":          {put("Henge-TTL", "876001h"), 400, "bad_value", "Henge-Ttl"},
		"a TTL that overflows":                {put("Henge-TTL", "9999999999h"), 400, "bad_value", "Henge-Ttl"},
		"two TTLs":                            {put("Henge-TTL", "60s", "Henge-TTL", "60s"), 400, "bad_value", "Henge-Ttl"},
		"a TTL and a time":                    {put("Henge-TTL", "60s", "Henge-Expires-At", "2999-01-02T15:04:05Z"), 400, "bad_value", "Henge-Ttl"},
		"a time that is no RFC 3339":          {put("Henge-Expires-At", "Fri, 02 Jan 2999 15:04:05 GMT"), 400, "bad_value", "Henge-Expires-At"},
		"a time that has passed":              {put("Henge-Expires-At", "2006-01-02T15:04:05Z"), 400, "bad_value", "Henge-Expires-At"},
		"a time before all clocks":            {put("Henge-Expires-At", "0001-01-01T00:00:00Z"), 400, "bad_value", "Henge-Expires-At"},
		"a time too far ahead":                {put("Henge-Expires-At", "2999-01-02T15:04:05Z"), 400, "bad_value", "Henge-Expires-At"},
		"a TTL of a delete":                   {ask("DELETE", key, "", "Henge-TTL", "60s"), 400, "bad_value", "body"},
		"a content encoding":                  {put("Content-Encoding", "gzip"), 415, "unsupported_encoding", "Content-Encoding"},
		"a range":                             {put("Content-Range", "bytes 0-1/2"), 400, "bad_value", "Content-Range"},
		"a type of 256 bytes":                 {put("Content-Type", strings.Repeat("x", 256)), 400, "bad_value", "Content-Type"},
		"two types":                           {put("Content-Type", "a/b", "Content-Type", "c/d"), 400, "bad_value", "Content-Type"},
		"metadata over 8 KiB":                 {put("Henge-Meta-A", strings.Repeat("x", 8192)), 400, "bad_value", "Henge-Meta-*"},
		"metadata that is no text":            {put("Henge-Meta-A", "\xff"), 400, "bad_value", "Henge-Meta-*"},
		"metadata without a name":             {put("Henge-Meta-", "v"), 400, "bad_value", "Henge-Meta-*"},
		"metadata of a delete":                {ask("DELETE", key, "", "Henge-Meta-A", "v"), 400, "bad_value", "body"},
		"an operation without a name":         {put(wire.Idempotency, ""), 400, "bad_value", wire.Idempotency},
		"an operation of 129 bytes":           {put(wire.Idempotency, strings.Repeat("x", 129)), 400, "bad_value", wire.Idempotency},
		"conditions that contradict":          {put("If-Match", `"a"`, "If-None-Match", "*"), 400, "bad_value", "If-None-Match"},
		"a tag without quotes":                {put("If-Match", "a"), 400, "bad_value", "If-Match"},
		"an empty condition":                  {put("If-None-Match", ""), 400, "bad_value", "If-None-Match"},
		"a list of tags for a write":          {put("If-Match", `"a", "b"`), 400, "bad_value", "If-Match"},
	}
}

func badBodies() map[string]bad {
	large := strings.Repeat("x", 17<<20)
	chunked := ask("PUT", key, large)
	chunked.ContentLength = -1
	cut := ask("PUT", key, "short")
	cut.ContentLength = 6
	return map[string]bad{
		"a value over the limit":              {ask("PUT", key, large), 413, "too_large", "body"},
		"a value over the limit, of no size":  {chunked, 413, "too_large", "body"},
		"a body that is cut short":            {cut, 400, "bad_value", "body"},
		"a delete with a body":                {ask("DELETE", key, "v"), 400, "bad_value", "body"},
		"a value over the limit, size hidden": {ask("PUT", key, large[:16<<20+1]), 413, "too_large", "body"},
	}
}

// flip changes one character of a token.
func flip(token string) string {
	b := []byte(token)
	if b[8]++; b[8] > 'z' {
		b[8] = 'A'
	}
	return string(b)
}

func TestWhatIsJustWithinTheLimitsIsTaken(t *testing.T) {
	h := openNode(t).Handler()
	longest := strings.Repeat("x", 16<<20)
	chunked := ask("PUT", key, longest)
	chunked.ContentLength = -1
	for name, r := range map[string]*http.Request{
		"a value of 16 MiB":            ask("PUT", key, longest),
		"one of 16 MiB in chunks":      chunked,
		"an empty value":               ask("PUT", key, ""),
		"metadata of 8 KiB":            ask("PUT", key, "v", "Henge-Meta-A", strings.Repeat("x", 8191)),
		"an operation of 128 bytes":    ask("PUT", key, "v", wire.Idempotency, strings.Repeat("x", 128)),
		"a bucket of 64 bytes":         ask("PUT", "/v1/buckets/"+strings.Repeat("b", 64)+"/keys/k", "v"),
		"identity is no encoding":      ask("PUT", key, "v", "Content-Encoding", "identity"),
		"all knobs of a put":           ask("PUT", key+"?w=1&strict=true&sync=false&timeout=1500", "v"),
		"words for counts":             ask("PUT", key+"?w=all&timeout=1m", "v"),
		"no knob between two sign &&s": ask("PUT", key+"?&w=one&", "v"),
	} {
		t.Run(name, func(t *testing.T) {
			if !r.URL.Query().Has("timeout") { // 16 MiB on a busy machine
				r.URL.RawQuery += "&timeout=20s"
			}
			wants(t, do(t, h, r), 204)
			wants(t, do(t, h, ask("GET", r.URL.Path+"?r=one&strict=false&timeout=20s", "")), 200)
		})
	}
}
