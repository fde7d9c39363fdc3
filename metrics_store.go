package henge

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hengedb/henge/storage"
)

// statsWithin bounds what a scrape waits for the store's word on itself.
const statsWithin = time.Second

// collectStore shows what the store tells of its files. One that failed, or whose disk
// holds everything up, tells nothing: what is asked of it is missing then.
func (c collector) collectStore(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(c.n.life, statsWithin)
	defer cancel()
	s, err := c.n.store.Stats(ctx)
	if err != nil {
		return
	}
	count, gauge := prometheus.CounterValue, prometheus.GaugeValue
	for _, m := range []struct {
		name, help string
		kind       prometheus.ValueType
		value      float64
	}{
		{"disk_bytes", "All files of the store.", gauge, float64(s.DiskBytes)},
		{"table_bytes", "Tables in use.", gauge, float64(s.TableBytes)},
		{"log_bytes", "The write-ahead log.", gauge, float64(s.LogBytes)},
		{"memtable_bytes", "Writes in memory that are not in tables yet.", gauge, float64(s.MemTableBytes)},
		{"level0_files", "Tables of level 0: many make reads slow.", gauge, float64(s.L0Files)},
		{"read_amplification", "How many tables a read may look into.", gauge, float64(s.ReadAmp)},
		{"compaction_debt_bytes", "What is to be compacted before the tables are in shape.", gauge, float64(s.CompactionDebt)},
		{"compactions_total", "Compactions.", count, float64(s.Compactions)},
		{"flushes_total", "Memtables written to tables.", count, float64(s.Flushes)},
		{"cache_bytes", "Blocks of tables in memory.", gauge, float64(s.CacheBytes)},
		{"cache_hits_total", "Blocks found in the cache.", count, float64(s.CacheHits)},
		{"cache_misses_total", "Blocks that were not.", count, float64(s.CacheMisses)},
	} {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc("henge_store_"+m.name, m.help, nil, nil), m.kind, m.value)
	}
	out <- syncs(s.LogSync)
}

// syncs is the histogram of the log's syncs.
func syncs(l storage.Latencies) prometheus.Metric {
	buckets, below := map[float64]uint64{}, uint64(0)
	for i, n := range l.Counts[:len(l.Counts)-1] {
		below += n
		buckets[l.UpperBound(i).Seconds()] = below
	}
	desc := prometheus.NewDesc("henge_store_log_sync_seconds", "How long syncs of the write-ahead log took.", nil, nil)
	return prometheus.MustNewConstHistogram(desc, l.Count(), l.Sum.Seconds(), buckets)
}
