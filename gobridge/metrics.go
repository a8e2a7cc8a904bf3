package gobridge

import (
	"fmt"
	"math"
	"runtime/metrics"
	"strconv"
	"sync"
)

// A metricDescription is what Python is told of a metric.
type metricDescription struct {
	Name        string `json:"name"`
	Kind        string `json:"kind"`
	Cumulative  bool   `json:"cumulative"`
	Description string `json:"description"`
}

var metricKinds = map[metrics.ValueKind]string{
	metrics.KindUint64:           "uint64",
	metrics.KindFloat64:          "float64",
	metrics.KindFloat64Histogram: "histogram",
}

func describeMetrics() []metricDescription {
	all := metrics.All()
	described := make([]metricDescription, 0, len(all))
	for _, d := range all {
		if kind, known := metricKinds[d.Kind]; known {
			described = append(described, metricDescription{d.Name, kind, d.Cumulative, d.Description})
		}
	}
	return described
}

// metricSamples are kept from one reading to the next: the histograms' memory is used again.
var metricSamples struct {
	sync.Mutex
	samples []metrics.Sample
}

// readMetrics reads metrics at one time and returns their values as a JSON array: numbers, null for
// what has none, and for histograms an object with its counts and, if wanted, its bucket boundaries,
// of which infinite ones are null.
func readMetrics(names []string, buckets bool) ([]byte, error) {
	metricSamples.Lock()
	defer metricSamples.Unlock()
	samples := metricSamples.samples
	if len(samples) != len(names) {
		samples = make([]metrics.Sample, len(names))
		metricSamples.samples = samples
	}
	for i, name := range names {
		if samples[i].Name != name {
			samples[i] = metrics.Sample{Name: name}
		}
	}
	metrics.Read(samples)
	text := []byte{'['}
	for i, sample := range samples {
		if i > 0 {
			text = append(text, ',')
		}
		switch sample.Value.Kind() {
		case metrics.KindUint64:
			text = strconv.AppendUint(text, sample.Value.Uint64(), 10)
		case metrics.KindFloat64:
			text = appendFloat(text, sample.Value.Float64())
		case metrics.KindFloat64Histogram:
			text = appendHistogram(text, sample.Value.Float64Histogram(), buckets)
		case metrics.KindBad:
			return nil, fmt.Errorf("%w metric %s", errUnknown, sample.Name)
		default:
			text = append(text, "null"...)
		}
	}
	return append(text, ']'), nil
}

func appendHistogram(text []byte, h *metrics.Float64Histogram, buckets bool) []byte {
	text = append(text, `{"counts":[`...)
	for i, n := range h.Counts {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendUint(text, n, 10)
	}
	text = append(text, ']')
	if buckets {
		text = append(text, `,"buckets":[`...)
		for i, boundary := range h.Buckets {
			if i > 0 {
				text = append(text, ',')
			}
			text = appendFloat(text, boundary)
		}
		text = append(text, ']')
	}
	return append(text, '}')
}

func appendFloat(text []byte, f float64) []byte {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return append(text, "null"...)
	}
	return strconv.AppendFloat(text, f, 'g', -1, 64)
}
