package expr

import (
	"fmt"
	"testing"
)

// typical are expressions as they stand in forms, from the plainest to the widest.
var typical = []struct{ name, src string }{
	{"answer", "../consent = 'yes'"},
	{"selected", "selected( ../toilets , 'pit') and not(selected( ../toilets , 'none'))"},
	{"range", ". >= 0 and . <= 120"},
	{"regex", "regex(., '^[0-9]{1,3}$')"},
	{"area", "if( ../age > 0 and ../zero != '', round( ../age div ../zero , 2), '')"},
	{"age", "int((today() - ../born ) div 365.25)"},
	{"sum", "sum( /data/cell/persons )"},
	{"filter", "instance('cities')/root/item[region = current()/../none]/label"},
	{"position", "concat('Cell ', position(..), ' of ', count(/data/cell))"},
}

func BenchmarkParse(b *testing.B) {
	for _, c := range typical {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(c.src); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEvaluate(b *testing.B) {
	doc, env := parseTree(b, form), environment(b)
	at := find(b, doc, "/data/age")
	for _, c := range typical {
		e := mustParse(b, c.src)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.Evaluate(Context{Node: at, Env: env}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRepeats evaluates over many instances of a repeat, as one answer in one of them asks for.
func BenchmarkRepeats(b *testing.B) {
	for _, n := range []int{10, 500} {
		doc := wide(n)
		last := find(b, doc, "/data/r[last()]/n")
		for name, src := range map[string]string{"sum": "sum(/data/r/n)", "position": "position(..)", "own": "../n > 3", "before": "/data/r[position() = position(current()/..) - 1]/n"} {
			e := mustParse(b, src)
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := e.Evaluate(Context{Node: last}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
