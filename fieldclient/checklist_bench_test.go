package fieldclient

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kua/fieldclient/form"
)

// BenchmarkChecklist answers a checklist of 150 questions with 300 measured cells: how long an answer takes until it is
// durable, and how long it takes to read the checklist after an unlock.
func BenchmarkChecklist(b *testing.B) {
	var survey strings.Builder
	survey.WriteString("type | name | label | calculation | relevant\n")
	for i := range 150 {
		fmt.Fprintf(&survey, "integer | q%d | Question %d | | \n", i, i)
	}
	survey.WriteString("begin repeat | cells | Cells | |\ndecimal | area | Area | |\ninteger | persons | Persons | |\ncalculate | m2 | | ${area} div ${persons} |\nend repeat | | | |\n")
	survey.WriteString("calculate | total | | sum(${persons}) | \n")
	s := newSeason(b, workbook(b, "large", "1", survey.String(), ""))
	k := s.on(s.a)
	for range 300 {
		ref := addRow(b, k, "/data/cells")
		for _, name := range []string{"area", "persons"} {
			value := "12"
			if _, err := k.Answer(b.Context(), ref+form.Ref("/"+name), AnswerChange{Value: &value}); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("answer", func(b *testing.B) {
		var took []time.Duration
		for i := range b.N {
			value := fmt.Sprint(i)
			begin := time.Now()
			if _, err := k.Answer(b.Context(), form.Ref(fmt.Sprintf("/data/cells[%d]/persons", i%300+1)), AnswerChange{Value: &value}); err != nil {
				b.Fatal(err)
			}
			took = append(took, time.Since(begin))
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	})
	b.Run("read", func(b *testing.B) {
		for range b.N {
			k.mu.Lock()
			err := k.readAs(b.Context())
			k.mu.Unlock()
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}
