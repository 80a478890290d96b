package server

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// observe logs and counts every request: its route, never its path, query, headers or body. Only a request that was
// refused says which device sent it.
func (s *Server) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		began := time.Now()
		if err := next(c); err != nil {
			s.handleError(err, c)
		}
		route, status, took := c.Path(), c.Response().Status, time.Since(began)
		if route == "" {
			route = "none"
		}
		s.metrics.requests.WithLabelValues(method(c.Request().Method), route, strconv.Itoa(status)).Inc()
		s.metrics.seconds.WithLabelValues(route).Observe(took.Seconds())
		args := []any{"method", method(c.Request().Method), "route", route, "status", status, "took", took.Round(time.Microsecond), "bytes", c.Response().Size}
		if who, ok := c.Get(callerKey).(caller); ok && status >= http.StatusBadRequest {
			args = append(args, "device", who.device)
		}
		s.log.Info("request", args...)
		return nil
	}
}

// method keeps strangers from filling log and metrics with words of their own.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete:
		return m
	}
	return "other"
}

func (s *Server) logPanic(_ echo.Context, err error, stack []byte) error {
	s.log.Error("a handler panicked", "error", err, "stack", string(stack))
	return err
}

// metrics are the server's own, on a registry of their own.
type metrics struct {
	registry   *prometheus.Registry
	requests   *prometheus.CounterVec
	seconds    *prometheus.HistogramVec
	changesets *prometheus.CounterVec
	batches    prometheus.Counter
	stored     prometheus.Counter
	commit     prometheus.Histogram
	unsigned   prometheus.Counter
}

func newMetrics(s *Server) *metrics {
	m := &metrics{
		registry:   prometheus.NewRegistry(),
		requests:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "kua_requests_total", Help: "Requests by route and status."}, []string{"method", "route", "status"}),
		seconds:    prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "kua_request_seconds", Help: "Time to answer a request.", Buckets: prometheus.ExponentialBuckets(.001, 4, 8)}, []string{"route"}),
		changesets: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "kua_ingest_changesets_total", Help: "Changesets brought, by what became of them."}, []string{"status"}),
		batches:    prometheus.NewCounter(prometheus.CounterOpts{Name: "kua_ingest_commits_total", Help: "Transactions that stored changesets."}),
		stored:     prometheus.NewCounter(prometheus.CounterOpts{Name: "kua_ingest_items_total", Help: "Changesets that went through the writer."}),
		commit:     prometheus.NewHistogram(prometheus.HistogramOpts{Name: "kua_ingest_commit_seconds", Help: "Time of one storing transaction.", Buckets: prometheus.ExponentialBuckets(.001, 2, 12)}),
		unsigned:   prometheus.NewCounter(prometheus.CounterOpts{Name: "kua_checkpoint_failures_total", Help: "Checkpoints that could not be signed."}),
	}
	m.registry.MustRegister(m.requests, m.seconds, m.changesets, m.batches, m.stored, m.commit, m.unsigned)
	gauge := func(name, help string, value func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	gauge("kua_scopes", "Scopes that have been opened.", func() float64 { return float64(len(s.scopes())) })
	gauge("kua_roster_records", "Records of the access list.", func() float64 { return float64(s.replica.Roster().Len()) })
	gauge("kua_held_changesets", "Changesets that wait for something to come first.", s.count(`SELECT COUNT(*) FROM held`))
	gauge("kua_quarantined_changesets", "Changesets that take no effect until a person decides.", s.count(`SELECT COUNT(*) FROM changeset WHERE code <> '' AND admitted = 0`))
	gauge("kua_log_entries", "Entries of the transparency log.", s.count(`SELECT size FROM tilelog_tree WHERE id = 1`))
	gauge("kua_database_bytes", "Size of the database and its write-ahead log.", s.databaseBytes)
	return m
}

// count returns a gauge that asks the database.
func (s *Server) count(query string) func() float64 {
	return func() (n float64) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.db.Read.QueryRowContext(ctx, query).Scan(&n); err != nil {
			s.log.Error("reading a metric", "error", err)
			return -1
		}
		return n
	}
}

func (s *Server) databaseBytes() (n float64) {
	path := filepath.Join(s.cfg.Dir, databaseFile)
	for _, p := range []string{path, path + "-wal"} {
		if info, err := os.Stat(p); err == nil {
			n += float64(info.Size())
		}
	}
	return n
}

func (m *metrics) results(t *taken) {
	for i := range t.results {
		if status := t.results[i].Status; status != "" {
			m.changesets.WithLabelValues(string(status)).Inc()
		}
	}
}

func (m *metrics) committed(items int, took time.Duration) {
	m.batches.Inc()
	m.stored.Add(float64(items))
	m.commit.Observe(took.Seconds())
}

// Metrics serves the server's metrics for Prometheus; it belongs on a listener of its own.
func (s *Server) Metrics() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 2}))
	return mux
}
