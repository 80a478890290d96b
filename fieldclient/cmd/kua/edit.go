package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"kua/fieldclient"
	"kua/syncproto"
)

const historyNote = "\n\nA value typed as an argument lands in the shell's history; - reads it from standard input, --file from a file."

func (a *app) set() *cobra.Command {
	var file string
	c := &cobra.Command{Use: "set RECORD FIELD VALUE", Short: "Give a field a value", Args: cobra.RangeArgs(2, 3),
		Long: "Give a field a value. RECORD is an id, the first digits of one, or VISIT/ITEM for a checklist item. The value replaces\n" +
			"what you wrote before, and at most one answer of somebody else, which then waits for an endorsement." + historyNote}
	c.Flags().StringVar(&file, "file", "", "read the value from a file")
	return a.command(c, func(ctx context.Context, args []string) error {
		text, err := a.valueFrom(args[2:], file)
		if err != nil {
			return err
		}
		return a.onField(ctx, args[0], args[1], func(c *fieldclient.Client, t fieldclient.Target) (fieldclient.Saved, error) {
			value, err := t.Field.ParseValue(text)
			if err != nil {
				return fieldclient.Saved{}, fmt.Errorf("%w (%w)", err, errUsage)
			}
			return c.Set(ctx, t, value)
		})
	})
}

// valueFrom returns the one value that a command was given: an argument, standard input or a file.
func (a *app) valueFrom(args []string, file string) (string, error) {
	if (len(args) == 1) == (file != "") {
		return "", fmt.Errorf("want one value: as an argument, as - from standard input, or with --file (%w)", errUsage)
	}
	if file == "" {
		return a.text(args[0])
	}
	b, err := readBounded(file)
	if err != nil {
		return "", fmt.Errorf("%w (%w)", err, errUsage)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

// onField does one thing to a field and says that it is saved.
func (a *app) onField(ctx context.Context, record, field string, do func(*fieldclient.Client, fieldclient.Target) (fieldclient.Saved, error)) error {
	return a.open(ctx, func(c *fieldclient.Client) error {
		t, err := target(ctx, c, record, field)
		if err != nil {
			return err
		}
		saved, err := do(c, t)
		if err != nil {
			return err
		}
		return a.say(saved, "Saved.")
	})
}

func (a *app) clear() *cobra.Command {
	c := &cobra.Command{Use: "clear RECORD FIELD", Short: "Say that something was asked and not answered", Args: cobra.ExactArgs(2)}
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.onField(ctx, args[0], args[1], func(c *fieldclient.Client, t fieldclient.Target) (fieldclient.Saved, error) {
			return c.Clear(ctx, t)
		})
	})
}

var silences = map[string]syncproto.Silence{
	"not-checked": syncproto.NotChecked, "not-applicable": syncproto.NotApplicable, "access-refused": syncproto.AccessRefused,
}

// answerValue returns the value of a checklist answer: what was typed, or one of the three silences.
func (a *app) answerValue(args []string, file, silence string) ([]byte, error) {
	if silence == "" {
		text, err := a.valueFrom(args, file)
		return syncproto.AnswerValue(text), err
	}
	s, ok := silences[silence]
	if !ok || len(args) > 0 || file != "" {
		return nil, fmt.Errorf("--silence is not-checked, not-applicable or access-refused, and goes without a value (%w)", errUsage)
	}
	return syncproto.SilenceValue(s), nil
}

func (a *app) answer() *cobra.Command {
	var file, silence, note, sources string
	var urgent bool
	c := &cobra.Command{Use: "answer VISIT ITEM VALUE", Short: "Answer a checklist item: your own answer, beside those of the others", Args: cobra.RangeArgs(2, 3),
		Long: "Answer a checklist item. The answer is your own; answers of others stand beside it, and the leader sets the group's with\n" +
			"`kua agree`. ITEM is the item's stable id." + historyNote}
	c.Flags().StringVar(&file, "file", "", "read the value from a file")
	c.Flags().StringVar(&silence, "silence", "", "no value, because: not-checked, not-applicable, access-refused")
	c.Flags().StringVar(&note, "note", "", "a note to the answer")
	c.Flags().StringVar(&sources, "sources", "", "kinds of source, with commas: observation, interview, document, management")
	c.Flags().BoolVar(&urgent, "urgent", false, "it needs action at once")
	return a.command(c, func(ctx context.Context, args []string) error {
		value, err := a.answerValue(args[2:], file, silence)
		if err != nil {
			return err
		}
		values := map[string][]byte{"value": value}
		typed := map[string]string{"note": note, "sources": sources}
		if urgent {
			typed["urgent"] = "yes"
		}
		if err := a.parse(values, typed); err != nil {
			return err
		}
		return a.saveAnswer(ctx, args[0], args[1], values)
	})
}

// parse adds what was typed for fields of an answer.
func (a *app) parse(values map[string][]byte, typed map[string]string) error {
	kind, _ := syncproto.KindNamed("answer")
	for name, text := range typed {
		if text == "" {
			continue
		}
		f, err := kind.FieldNamed(name)
		if err != nil {
			return err
		}
		if text, err = a.text(text); err != nil {
			return err
		}
		if values[name], err = f.ParseValue(text); err != nil {
			return fmt.Errorf("%w (%w)", err, errUsage)
		}
	}
	return nil
}

func (a *app) saveAnswer(ctx context.Context, visit, item string, values map[string][]byte) error {
	return a.open(ctx, func(c *fieldclient.Client) error {
		scope, err := visitNamed(c, visit)
		if err != nil {
			return err
		}
		if item == "" || len(item) > 200 {
			return fmt.Errorf("an item's id has 1 to 200 bytes (%w)", errUsage)
		}
		id, _, err := c.Answer(ctx, scope, item, "", values)
		if err != nil {
			return err
		}
		return a.saved(id, "Saved.")
	})
}

func (a *app) agree() *cobra.Command {
	var file, silence string
	c := &cobra.Command{Use: "agree VISIT ITEM VALUE", Short: "Set the group's agreed answer, as its leader", Args: cobra.RangeArgs(2, 3)}
	c.Flags().StringVar(&file, "file", "", "read the value from a file")
	c.Flags().StringVar(&silence, "silence", "", "no value, because: not-checked, not-applicable, access-refused")
	return a.command(c, func(ctx context.Context, args []string) error {
		value, err := a.answerValue(args[2:], file, silence)
		if err != nil {
			return err
		}
		return a.saveAnswer(ctx, args[0], args[1], map[string][]byte{"agreed": value})
	})
}
