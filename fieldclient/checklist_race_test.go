package fieldclient

import (
	"sync"
	"testing"
)

func TestAnAnswerIsSavedWhileWorkOfOthersComesIn(t *testing.T) {
	s := newSeason(t, workbook(t, "cells", "1", cells, smells))
	k := s.on(s.a)
	var wait sync.WaitGroup
	wait.Go(func() {
		for range 30 {
			s.a.set(s.visit, "summary", "came meanwhile")
		}
	})
	wait.Go(func() {
		for i := range 30 {
			value := []string{"damp", "none"}[i%2]
			if _, err := k.Answer(t.Context(), "/data/smell", AnswerChange{Value: &value}); err != nil {
				t.Errorf("what was typed is not saved: %v", err)
				return
			}
		}
	})
	wait.Go(func() {
		for range 30 {
			if _, err := k.Group(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := k.Progress(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
	wait.Wait()
}
