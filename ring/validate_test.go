package ring

import (
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Document)
		want   string
	}{
		"no format":                           {func(d *Document) { d.Format = 0 }, "format 0"},
		"version 0":                           {func(d *Document) { d.Version = 0 }, "version 0: want 1 or more"},
		"a short cluster id":                  {func(d *Document) { d.Cluster = "ab" }, "cluster id of 2 bytes"},
		"a cluster id that is no hexadecimal": {func(d *Document) { d.Cluster = strings.Repeat("x", 32) }, "want 32 hexadecimal digits"},
		"a short secret":                      {func(d *Document) { d.Secret = d.Secret[1:] }, "secret of 31"},
		"partitions that are no power of two": {func(d *Document) { d.Partitions = 12 }, "12 partitions: want a power of two"},
		"too few partitions":                  {func(d *Document) { d.Partitions = 4 }, "4 partitions"},
		"no replicas":                         {func(d *Document) { d.Replicas = 0 }, "0 replicas: want 1 to 64"},
		"too many replicas":                   {func(d *Document) { d.Replicas = 65 }, "65 replicas"},
		"a negative timeout":                  {func(d *Document) { d.Settings.TimeoutMillis = -1 }, "timeout of -1 ms"},
		"values of negative length":           {func(d *Document) { d.Settings.MaxValueBytes = -1 }, "values of -1 bytes"},
		"no members":                          {func(d *Document) { d.Members = nil }, "0 members"},
		"too many members":                    {func(d *Document) { d.Members = testMembers(maxMembers + 1) }, "4097 members: want 1 to 4096"},
		"a member without an id":              {func(d *Document) { d.Members[0].ID = 0 }, "ids must be set"},
		"members out of order":                {func(d *Document) { d.Members[0].ID = 99 }, "distinct and sorted"},
		"a weight of 0":                       {func(d *Document) { d.Members[2].Weight = 0 }, "weight 0, want 1 to 1000"},
		"a zone of 256 bytes":                 {func(d *Document) { d.Members[2].Zone = strings.Repeat("z", 256) }, "has 256 bytes: want at most 255"},
		"a name that JSON cannot carry":       {func(d *Document) { d.Members[2].Name = "n\xff" }, "in UTF-8"},
		"an address of 1,000 bytes":           {func(d *Document) { d.Members[2].RPC = strings.Repeat("1", 1000) }, "has 1000 bytes"},
		"no voters":                           {func(d *Document) { d.Voters = nil }, "no voters"},
		"voters out of order":                 {func(d *Document) { d.Voters = []NodeID{2, 1} }, "distinct and sorted"},
		"a voter named twice":                 {func(d *Document) { d.Voters = []NodeID{1, 1} }, "voter 0000000000000001"},
		"a voter that is no member":           {func(d *Document) { d.Voters = []NodeID{1, 99} }, "voter 0000000000000063"},
		"a row too few":                       {func(d *Document) { d.Layout = d.Layout[1:] }, "7 rows for 8 partitions"},
		"a row without replicas":              {func(d *Document) { d.Layout[3].Serving = nil }, "partition 3 has no replicas"},
		"a replica that is no member":         {func(d *Document) { d.Layout[3].Serving[1] = 99 }, "partition 3: replica 0000000000000063"},
		"a replica named twice":               {func(d *Document) { d.Layout[3].Serving[1] = d.Layout[3].Serving[0] }, "members and distinct"},
		"more replicas than there can be":     {func(d *Document) { d.Layout[3].Serving = make([]NodeID, 65) }, "65 replicas: want at most 64"},
		"a next replica that is no member":    {func(d *Document) { d.Layout[3].Next = []NodeID{99} }, "replica 0000000000000063"},
		"a next replica named twice":          {func(d *Document) { d.Layout[3].Next = []NodeID{1, 2, 1} }, "members and distinct"},
		"a next set without end":              {func(d *Document) { d.Layout[3].Next = make([]NodeID, 1<<20) }, "1048576 replicas"},
		"a row from the future":               {func(d *Document) { d.Layout[3].Changed = 10 }, "changed in version 10, above the document's 9"},
		"buckets out of order":                {func(d *Document) { d.Buckets[0], d.Buckets[1] = d.Buckets[1], d.Buckets[0] }, "distinct and sorted"},
		"a bucket without a generation":       {func(d *Document) { d.Buckets[0].Generation = 0 }, "generation 0, want 1 to 9"},
		"a bucket from the future":            {func(d *Document) { d.Buckets[0].Generation = 10 }, "generation 10"},
		"a bucket with a reserved name":       {func(d *Document) { d.Buckets[0].Name = "_x" }, `bucket name "_x"`},
		"a member that is expelled":           {func(d *Document) { d.Expelled = []NodeID{2} }, "expelled 0000000000000002"},
		"the expelled out of order":           {func(d *Document) { d.Expelled = []NodeID{9, 8} }, "expelled 0000000000000008"},
		"nobody expelled":                     {func(d *Document) { d.Expelled = []NodeID{0} }, "expelled 0000000000000000"},
	} {
		t.Run(name, func(t *testing.T) {
			d := fullDocument(t).Clone()
			c.change(d)
			if err := d.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if _, err := d.Encode(); err == nil {
				t.Error("it was encoded")
			}
		})
	}
}
