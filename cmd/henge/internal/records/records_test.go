package records

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hengedb/henge/replication/request"
)

// collect reads everything: one string a record or bad record.
func collect(t *testing.T, format Format, key, input string) (good []Record, bad []string) {
	t.Helper()
	dec, err := NewDecoder(strings.NewReader(input), format, key)
	if err != nil {
		t.Fatal(err)
	}
	for {
		record, err := dec.Next()
		var passed *BadRecord
		switch {
		case errors.Is(err, io.EOF):
			return good, bad
		case errors.As(err, &passed):
			bad = append(bad, passed.Error())
		case err != nil:
			t.Fatal(err)
		default:
			good = append(good, record)
		}
	}
}

func TestRecordsAreReadAndBadOnesPassedOver(t *testing.T) {
	cases := map[string]struct {
		format Format
		key    string
		input  string
		good   []string // line key value
		bad    []string
	}{
		"a line of NDJSON is its own value": {
			format: NDJSON, key: "id",
			input: "{\"id\":\"a\",\"n\": 1}\n\n  {\"id\":\"b\"}\r\n{\"id\":\"c\"}",
			good:  []string{`1 a {"id":"a","n": 1}`, `3 b {"id":"b"}`, `4 c {"id":"c"}`},
		},
		"a number is a key as it is written": {
			format: NDJSON, key: "id", input: `{"id":9007199254740993}`,
			good: []string{`1 9007199254740993 {"id":9007199254740993}`},
		},
		"a byte order mark is no part of the first line": {
			format: NDJSON, key: "id", input: "\xef\xbb\xbf{\"id\":\"a\"}\n",
			good: []string{`1 a {"id":"a"}`},
		},
		"what is wrong with a line is said with its number": {
			format: NDJSON, key: "id",
			input: "[1]\n{\"other\":1}\n{\"id\":null}\n{\"id\":{}}\n{\"id\":\"\"}\n{\"id\":\"\xff\"}\n{\"id\":\n{\"id\":\"ok\"}\n",
			good:  []string{`8 ok {"id":"ok"}`},
			bad: []string{
				"line 1: it is not a JSON object: json: cannot unmarshal array into Go value of type map[string]json.RawMessage",
				`line 2: it has no field "id"`,
				`line 3: its field "id" is neither a string nor a number`,
				`line 4: its field "id" is neither a string nor a number`,
				`line 5: its field "id" is empty`,
				"line 6: it is not UTF-8",
				"line 7: it is not a JSON object: unexpected end of JSON input",
			},
		},
		"a row of CSV becomes an object": {
			format: CSV, key: "id",
			input: "name,id,note\r\n\"Ann, B.\",1,\"two\nlines <&>\"\r\nBob,2,\"say \"\"hi\"\"\"\r\n",
			good: []string{
				`2 1 {"name":"Ann, B.","id":"1","note":"two\nlines <&>"}`,
				`4 2 {"name":"Bob","id":"2","note":"say \"hi\""}`,
			},
		},
		"a bad row does not end the file": {
			format: CSV, key: "id",
			input: "id,n\na,1,2\nb\n,3\nc\"c,4\nd,5\n",
			good:  []string{`6 d {"id":"d","n":"5"}`},
			bad: []string{
				"line 2: wrong number of fields", "line 3: wrong number of fields",
				"line 4: its key is empty", `line 5: bare " in non-quoted-field`,
			},
		},
		"the export format is read back": {
			format: Export,
			input: `{"key":"a","value":"x\n","content_type":"text/plain","meta":{"by":"me"}}` + "\n" +
				`{"key_base64":"/w==","base64":"AAE="}` + "\n" + `{"key":"j","json":null}` + "\n",
			good: []string{"1 a x\n", "2 \xff \x00\x01", "3 j null"},
		},
		"an export line must be whole": {
			format: Export,
			input: "7\n" + `{"key":"a"}` + "\n" + `{"value":"x"}` + "\n" + `{"key":"a","key_base64":"/w==","value":"x"}` + "\n" +
				`{"key":"a","value":"x","base64":"AAE="}` + "\n" + `{"key":"a","siblings":[{"id":"1"},{"id":"2"}]}` + "\n",
			bad: []string{
				"line 1: it is not a JSON object", "line 2: want exactly one of json, value and base64",
				"line 3: want exactly one of key and key_base64", "line 4: want exactly one of key and key_base64",
				"line 5: want exactly one of json, value and base64", "line 6: its key has 2 siblings: merge them first",
			},
		},
		"an empty input holds no records": {format: NDJSON, key: "id"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			records, bad := collect(t, c.format, c.key, c.input)
			var good []string
			for _, r := range records {
				good = append(good, strings.Join([]string{string(rune('0' + r.Line)), r.Key, string(r.Value)}, " "))
			}
			if diff := cmp.Diff(c.good, good); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.bad, bad); diff != "" {
				t.Errorf("bad records (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnInputThatCannotBeReadIsRefused(t *testing.T) {
	cases := map[string]struct {
		format     Format
		key, input string
		want       string
	}{
		"no key field":                   {NDJSON, "", "", "name it"},
		"a key field for an export":      {Export, "id", "", "carry their key"},
		"an unknown format":              {"xml", "id", "", "want one of"},
		"a CSV without a header":         {CSV, "id", "", "first row"},
		"a header without the key":       {CSV, "id", "a,b\n", `no field "id"`},
		"a header with one name in two ": {CSV, "id", "id,a,a\n", `"a" twice`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := NewDecoder(strings.NewReader(c.input), c.format, c.key)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestALineThatIsTooLongIsPassedOver(t *testing.T) {
	input := io.MultiReader(
		strings.NewReader(`{"id":"a"}`+"\n"), io.LimitReader(endless{}, MaxLine+1), strings.NewReader("\n"+`{"id":"b"}`))
	dec, err := NewDecoder(input, NDJSON, "id")
	if err != nil {
		t.Fatal(err)
	}
	first, err := dec.Next()
	if err != nil || first.Key != "a" {
		t.Fatalf("first record %q, %v", first.Key, err)
	}
	var bad *BadRecord
	if _, err := dec.Next(); !errors.As(err, &bad) || bad.Line != 2 {
		t.Fatalf("second record: %v, want a bad record in line 2", err)
	}
	last, err := dec.Next()
	if err != nil || last.Key != "b" || last.Line != 3 {
		t.Fatalf("third record %q in line %d, %v", last.Key, last.Line, err)
	}
}

func TestAQuoteThatNeverClosesEndsTheInput(t *testing.T) {
	dec, err := NewDecoder(io.MultiReader(strings.NewReader("id,n\n\""), endless{}), CSV, "id")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dec.Next(); err == nil || !strings.Contains(err.Error(), "quote") {
		t.Errorf("error %v, want one about the quote", err)
	}
}

// endless is a file of one character.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, bytes.Repeat([]byte("x"), len(p))), nil }

func TestAnExportedKeyReadsBackByteForByte(t *testing.T) {
	values := map[string]request.Sibling{
		"text":                   {ContentType: "text/plain", Data: []byte("a\nb <&> \u2028")},
		"nothing":                {Data: []byte{}},
		"bytes":                  {ContentType: "application/octet-stream", Data: []byte{0, 0xff}},
		"compact JSON":           {ContentType: JSONType, Data: []byte(`{"a":[1,"<&>\u2028"]}`)},
		"JSON with blanks":       {ContentType: JSONType, Data: []byte(`{ "a": 1 }`)},
		"JSON null":              {ContentType: JSONType, Data: []byte("null")},
		"no JSON under its type": {ContentType: JSONType, Data: []byte("{")},
		"with an expiry":         {ContentType: "text/plain", Data: []byte("x"), Expires: time.UnixMilli(4e12 + 1).UTC()},
		"with metadata":          {ContentType: "text/plain", Data: []byte("x"), Meta: map[string]string{"by": "me"}},
	}
	for name, s := range values {
		t.Run(name, func(t *testing.T) {
			roundTrip(t, "key \u2028 "+name, s)
			roundTrip(t, "\xff"+name, s)
		})
	}
}

// roundTrip exports one value and reads it back.
func roundTrip(t *testing.T, key string, s request.Sibling) {
	t.Helper()
	var b bytes.Buffer
	if err := Encode(&b, LineOf(request.Entry{Key: key, Value: request.Value{Siblings: []request.Sibling{s}}})); err != nil {
		t.Fatal(err)
	}
	if bytes.Count(b.Bytes(), []byte("\n")) != 1 {
		t.Fatalf("more than one line: %q", b.String())
	}
	records, bad := collect(t, Export, "", b.String())
	if len(records) != 1 || bad != nil {
		t.Fatalf("%q reads as %v, bad %v", b.String(), records, bad)
	}
	got := records[0]
	if got.Key != key || !bytes.Equal(got.Value, s.Data) || got.ContentType != s.ContentType || !cmp.Equal(got.Meta, s.Meta) || !got.Expires.Equal(s.Expires) {
		t.Errorf("%q reads back as %+v", b.String(), got)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("{\"id\":\"a\"}\n{\"id\":2}\n", byte(0))
	f.Add("id,n\na,\"1\n2\"\nb\n", byte(1))
	f.Add(`{"key":"a","value":"x"}`+"\n"+`{"key_base64":"/w==","base64":"AAE="}`, byte(2))
	f.Fuzz(func(t *testing.T, input string, which byte) {
		format, key := []Format{NDJSON, CSV, Export}[which%3], "id"
		if format == Export {
			key = ""
		}
		dec, err := NewDecoder(strings.NewReader(input), format, key)
		if err != nil {
			return
		}
		for range len(input) + 2 { // a record takes at least a byte, so the end comes
			record, err := dec.Next()
			var bad *BadRecord
			switch {
			case errors.As(err, &bad):
			case err != nil:
				return
			case record.Key == "" || record.Line < 1:
				t.Fatalf("a record without key or line: %+v", record)
			default:
				again(t, format, key, record)
			}
		}
		t.Fatal("the input never ends")
	})
}

// again holds that a record's own line reads as the same record.
func again(t *testing.T, format Format, key string, record Record) {
	t.Helper()
	if format == CSV {
		format = NDJSON
	}
	records, bad := collect(t, format, key, string(record.Raw))
	if len(records) != 1 || bad != nil || records[0].Key != record.Key || !bytes.Equal(records[0].Value, record.Value) {
		t.Fatalf("%q reads as %+v, bad %v; want %+v", record.Raw, records, bad, record)
	}
}

func FuzzExportRoundTrip(f *testing.F) {
	f.Add("k", []byte("v"), "text/plain")
	f.Add("\xff", []byte(`{"a":1}`), JSONType)
	f.Fuzz(func(t *testing.T, key string, data []byte, contentType string) {
		if key == "" || strings.ToValidUTF8(contentType, "") != contentType {
			return
		}
		roundTrip(t, key, request.Sibling{ContentType: contentType, Data: data})
	})
}
