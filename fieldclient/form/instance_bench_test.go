package form

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// large is a form of 1,000 questions, and a repeat in which 500 instances are made: questions hang on the ones before
// them, sums go over all instances, every tenth label shows a sum.
func large() []Sheet {
	rows := []string{"type | name | label | relevant | calculation | constraint | required | choice_filter"}
	add := func(format string, args ...any) { rows = append(rows, fmt.Sprintf(format, args...)) }
	for s := range 33 {
		add("begin group|g%d|Section %d", s, s)
		for q := range 30 {
			n := s*30 + q
			switch {
			case n == 0:
				add("integer|q0|First")
			case q%10 == 3:
				add("calculate|q%d|||${q%d} + ${q%d}", n, n-1, n-2)
			case q%10 == 5:
				add("select_one r|q%d|Which", n)
			case q%10 == 6:
				add("select_one d|q%d|Which||||yes|region = ${q%d}", n, n-1)
			case q%10 == 8:
				add("integer|q%d|Of ${total}|${q%d} > 1||. < 100", n, n-6)
			default:
				add("integer|q%d|Question %d|||. >= 0 and . < ${q0} + 1000", n, n)
			}
		}
		add("end group")
	}
	add("begin repeat|cell|Cell")
	add("integer|persons|Persons|||. < 50|yes")
	add("decimal|area|Area")
	add("calculate|each|||round(${area} div ${persons}, 2)")
	add("calculate|no|||position(..)")
	add("text|why|Why so small|${each} < 4")
	add("end repeat")
	add("calculate|total|||sum(${persons})")
	add("calculate|space|||sum(${area})")
	add("calculate|narrow|||count(${cell}[each < 4])")
	add("text|remark|There are ${total} in ${narrow}|${narrow} > 10")
	rows = append(rows, "choices", "list_name|name|label|region")
	for i := range 10 {
		add("r|%d|Region %d|", i, i)
		for j := range 10 {
			add("d|%d_%d|District %d|%d", i, j, j, i)
		}
	}
	return sheets(rows...)
}

func largeInstance(tb testing.TB) *Instance {
	tb.Helper()
	in, err := NewInstance(mustBuild(tb, large()), testEnv)
	if err != nil {
		tb.Fatal(err)
	}
	for range 499 {
		if _, _, err := in.Add("/data/cell"); err != nil {
			tb.Fatal(err)
		}
	}
	return in
}

// BenchmarkSet answers every question of a large form in turn, and reports what one answer costs.
func BenchmarkSet(b *testing.B) {
	in := largeInstance(b)
	var asked []Ref
	for _, v := range in.Views() {
		if v.Asked && v.Node.Data == "int" || v.Node.Name == "area" {
			asked = append(asked, v.Ref)
		}
	}
	var took []time.Duration
	i := 0
	for b.Loop() {
		ref, value := asked[i*7919%len(asked)], fmt.Sprint(2+i%40)
		start := time.Now()
		if _, err := in.Set(ref, value); err != nil && in.relevantAt(ref) {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
		i++
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	b.ReportMetric(float64(took[len(took)-1].Microseconds()), "max-µs")
}

func (in *Instance) relevantAt(ref Ref) bool {
	it, err := in.at(ref)
	return err == nil && it.relevant
}

func BenchmarkNewGraph(b *testing.B) {
	t := mustBuild(b, large())
	for b.Loop() {
		if _, err := NewGraph(t); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAddAndRemoveFirst renumbers 500 instances.
func BenchmarkAddAndRemoveFirst(b *testing.B) {
	in := largeInstance(b)
	for b.Loop() {
		if _, _, err := in.Add("/data/cell"); err != nil {
			b.Fatal(err)
		}
		if _, err := in.Remove("/data/cell[1]"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	in := largeInstance(b)
	answers := in.Answers()
	for b.Loop() {
		in.graph.Load(testEnv, answers)
	}
}
