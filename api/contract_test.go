package api_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// The contract, and which of its answers the tests have met.
var (
	loadContract = sync.OnceValues(func() (*openapi3.T, error) { return openapi3.NewLoader().LoadFromFile("openapi.yaml") })
	met          sync.Map // operation id and status
)

// TestMain demands, when all tests ran, that every documented answer was met.
func TestMain(m *testing.M) {
	code := m.Run()
	if only := flag.Lookup("test.run").Value.String(); code == 0 && only == "" {
		for _, answer := range neverMet() {
			fmt.Fprintln(os.Stderr, "openapi.yaml: no test met", answer)
			code = 1
		}
	}
	os.Exit(code)
}

func neverMet() (answers []string) {
	doc, err := loadContract()
	if err != nil {
		return []string{err.Error()}
	}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			for status := range op.Responses.Map() {
				if _, ok := met.Load(op.OperationID + " " + status); !ok {
					answers = append(answers, op.OperationID+" "+status)
				}
			}
		}
	}
	slices.Sort(answers)
	return answers
}

func contractOf(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := loadContract()
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestTheContractIsAnOpenAPIDocument(t *testing.T) {
	doc := contractOf(t)
	if err := doc.Validate(t.Context()); err != nil {
		t.Error(err)
	}
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("version %s", doc.OpenAPI)
	}
}

// do sends a request as it would stand on the wire, and holds the answer to the
// contract.
func do(t *testing.T, h http.Handler, r *http.Request) *answer {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	a := &answer{StatusCode: w.Code, Header: w.Header(), body: w.Body.String()}
	hold(t, r, a)
	return a
}

// answer is an answer read to its end.
type answer struct {
	StatusCode int
	Header     http.Header
	body       string
}

// hold holds an answer to the contract.
func hold(t *testing.T, r *http.Request, response *answer) {
	t.Helper()
	doc := contractOf(t)
	path := r.URL.EscapedPath()
	template, params := templateOf(path)
	item := doc.Paths.Value(template)
	if item == nil {
		holdCode(t, r, response, http.StatusNotFound, "no_route")
		return
	}
	op := item.GetOperation(r.Method)
	if op == nil && r.Method == http.MethodHead {
		op = item.Get
	}
	if op == nil {
		holdCode(t, r, response, http.StatusMethodNotAllowed, "method_not_allowed")
		return
	}
	status := strconv.Itoa(response.StatusCode)
	documented := op.Responses.Value(status)
	if documented == nil {
		t.Errorf("%s %s: status %s is not documented: %s", r.Method, path, status, response.body)
		return
	}
	met.Store(op.OperationID+" "+status, true)
	holdHeaders(t, response, documented.Value)
	input := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params,
		Route:   &routers.Route{Spec: doc, Path: template, PathItem: item, Method: r.Method, Operation: op},
		Options: &openapi3filter.Options{IncludeResponseStatus: true, ExcludeRequestBody: true},
	}
	if response.StatusCode < http.StatusBadRequest {
		holdRequest(t, r, item, op, input)
	}
	if r.Method == http.MethodHead || response.StatusCode == http.StatusNotModified {
		return
	}
	if lines, ok := strings.CutSuffix(response.body, "\n"); ok && response.Header.Get("Content-Type") == "application/x-ndjson" {
		schema := documented.Value.Content.Get("application/x-ndjson").Schema.Value
		for line := range strings.SplitSeq(lines, "\n") {
			holdLine(t, schema, line)
		}
		return
	}
	output := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: response.StatusCode, Header: response.Header, Options: input.Options,
	}
	if err := openapi3filter.ValidateResponse(t.Context(), output.SetBodyBytes([]byte(response.body))); err != nil {
		t.Errorf("%s %s: %v\n%s", r.Method, path, err, response.body)
	}
}

// templateOf finds a path's template. Keys hold slashes, which no router allows.
func templateOf(path string) (template string, params map[string]string) {
	rest, ok := strings.CutPrefix(path, "/v1/buckets/")
	if !ok {
		return path, nil
	}
	bucket, rest, inside := strings.Cut(rest, "/")
	if !inside {
		return "/v1/buckets/{bucket}", map[string]string{"bucket": bucket}
	}
	verb, key, hasKey := strings.Cut(rest, "/")
	params = map[string]string{"bucket": bucket}
	template = "/v1/buckets/{bucket}/" + verb
	if hasKey {
		template += "/{key}"
		params["key"] = key
	}
	return template, params
}

func holdLine(t *testing.T, schema *openapi3.Schema, line string) {
	t.Helper()
	var record any
	if err := json.Unmarshal([]byte(line), &record); err != nil {
		t.Errorf("record %q: %v", line, err)
		return
	}
	if err := schema.VisitJSON(record, openapi3.EnableJSONSchema2020()); err != nil {
		t.Errorf("record %s: %v", line, err)
	}
}

// holdRequest demands that what was taken is documented as acceptable.
func holdRequest(t *testing.T, r *http.Request, item *openapi3.PathItem, op *openapi3.Operation, input *openapi3filter.RequestValidationInput) {
	t.Helper()
	if err := openapi3filter.ValidateRequest(t.Context(), input); err != nil {
		t.Errorf("%s %s was answered, but is not documented: %v", r.Method, r.URL, err)
	}
	for name := range r.URL.Query() {
		if op.Parameters.GetByInAndName("query", name) == nil && item.Parameters.GetByInAndName("query", name) == nil {
			t.Errorf("%s %s: the parameter %s is not documented", r.Method, r.URL, name)
		}
	}
}

// everywhere are the headers that any HTTP answer may have.
var everywhere = []string{"Content-Type", "Content-Length", "Cache-Control", "X-Content-Type-Options", "Date", "Connection"}

func holdHeaders(t *testing.T, response *answer, documented *openapi3.Response) {
	t.Helper()
	for name := range response.Header {
		if strings.HasPrefix(name, "Henge-Meta-") {
			name = "Henge-Meta-*"
		}
		known := slices.Contains(everywhere, name)
		for header := range documented.Headers {
			known = known || http.CanonicalHeaderKey(header) == http.CanonicalHeaderKey(name)
		}
		if !known {
			t.Errorf("status %d: the header %s is not documented", response.StatusCode, name)
		}
	}
}

func holdCode(t *testing.T, r *http.Request, response *answer, status int, code string) {
	t.Helper()
	if got := response.Header.Get("Henge-Problem"); response.StatusCode != status || got != code {
		t.Errorf("%s %s is not documented: answered with %d %s, want %d %s", r.Method, r.URL, response.StatusCode, got, status, code)
	}
	if status == http.StatusMethodNotAllowed && response.Header.Get("Allow") == "" {
		t.Error("405 without Allow")
	}
}
