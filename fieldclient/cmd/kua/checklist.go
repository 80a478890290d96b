package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"kua/fieldclient"
	"kua/fieldclient/form"
	"kua/syncproto"
)

// chosen names the checklist that a command works on, and the language that it speaks.
type chosen struct{ visit, checklist, lang string }

func (a *app) checklist() *cobra.Command {
	p := &chosen{}
	c := a.group("checklist", "Fill in a checklist on a visit, without a network",
		a.checklistOpen(p), a.checklistList(p), a.checklistNext(p), a.checklistAnswer(p), a.checklistFill(p), a.checklistShow(p), a.checklistProgress(p), a.checklistValidate(p),
		a.checklistAdd(p), a.checklistStrike(p), a.checklistGroup(p), a.checklistAgree(p), a.checklistMove(p))
	c.Long = "Fill in a checklist on a visit. `open` begins one, or goes on with it; the other commands work on the one that was opened last, or\n" +
		"on the one that --visit and --checklist name. Every answer is your own: those of the others stand beside it, and the leader sets the\n" +
		"group's with `kua checklist agree`."
	fl := c.PersistentFlags()
	fl.StringVar(&p.visit, "visit", "", "the visit; the one of the checklist opened last if not given")
	fl.StringVar(&p.checklist, "checklist", "", "the checklist: its form or the first digits of its id")
	fl.StringVar(&p.lang, "lang", "en", "language of the questions: kk, ru, en")
	return c
}

const lastChecklist = "checklist"

var errNoChecklist = errors.New("no checklist has been opened on this laptop")

// on opens the laptop and finds the checklist that is meant.
func (a *app) on(ctx context.Context, p *chosen, do func(*fieldclient.Client, *fieldclient.Checklist) error) error {
	return a.open(ctx, func(c *fieldclient.Client) error {
		scope, id, err := p.find(ctx, c)
		if err != nil {
			return err
		}
		k, err := c.Checklist(ctx, scope, id, p.lang, "ru", "en")
		if err != nil {
			return err
		}
		return do(c, k)
	})
}

func (p *chosen) find(ctx context.Context, c *fieldclient.Client) (scope syncproto.ScopeID, id syncproto.EntityID, err error) {
	last, err := c.Remembered(ctx, lastChecklist)
	if err != nil {
		return scope, id, err
	}
	visit, checklist, opened := strings.Cut(last, "/")
	if p.visit == "" && !opened {
		return scope, id, fmt.Errorf("%w: `kua checklist open VISIT TEMPLATE` begins one (%w)", errNoChecklist, errUsage)
	}
	if p.visit != "" {
		visit, checklist = p.visit, ""
	}
	if p.checklist != "" {
		checklist = p.checklist
	}
	if scope, err = visitNamed(c, visit); err != nil {
		return scope, id, err
	}
	all, err := c.Checklists(ctx, scope)
	if err != nil {
		return scope, id, err
	}
	var found []fieldclient.ChecklistInfo
	for _, info := range all {
		if checklist == "" || info.Form == checklist || info.Form == "kua_"+checklist || len(checklist) >= 6 && strings.HasPrefix(info.ID.String(), checklist) {
			found = append(found, info)
		}
	}
	switch len(found) {
	case 0:
		return scope, id, fmt.Errorf("checklist %s: %w", checklist, fieldclient.ErrNotFound)
	case 1:
		return scope, found[0].ID, nil
	}
	return scope, id, fmt.Errorf("the visit has %d checklists that could be meant: name one with --checklist (%w)", len(found), errAmbiguous)
}

func (a *app) checklistOpen(p *chosen) *cobra.Command {
	var interview, area string
	c := &cobra.Command{Use: "open VISIT TEMPLATE", Short: "Begin a checklist on a visit, or go on with it", Args: cobra.ExactArgs(2),
		Long: "Begin a checklist on a visit, or go on with it: the same form is the same checklist on every laptop. TEMPLATE is a template's id, or\n" +
			"its form, such as colony. The visit keeps the version that it begins with."}
	c.Flags().StringVar(&interview, "interview", "", "the conversation that it belongs to: pseudonym or id")
	c.Flags().StringVar(&area, "area", "", "block, ward or unit, where each has a checklist of its own")
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			scope, err := visitNamed(c, args[0])
			if err != nil {
				return err
			}
			info, err := templateNamed(ctx, c, args[1], approvedState)
			if err != nil {
				return err
			}
			var subject *syncproto.EntityID
			if interview != "" {
				if subject, err = interviewNamed(ctx, c, scope, interview); err != nil {
					return err
				}
			}
			id, err := c.OpenChecklist(ctx, scope, info.ID, subject, area)
			if errors.Is(err, fieldclient.ErrOtherVersion) {
				fmt.Fprintf(a.err, "Note: the visit began this checklist with another version of the form, and goes on with it. `kua checklist move` changes that.\n")
				err = nil
			}
			if err != nil {
				return err
			}
			if err := c.Remember(ctx, lastChecklist, scope.String()+"/"+id.String()); err != nil {
				return err
			}
			return a.made(id.String(), map[string]string{"checklist": id.String(), "visit": scope.String()}, "Opened: %s. `kua checklist next` shows the first question.", info.Title)
		})
	})
}

func (a *app) checklistList(p *chosen) *cobra.Command {
	c := &cobra.Command{Use: "list VISIT", Short: "List the checklists of a visit", Args: cobra.ExactArgs(1)}
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			scope, err := visitNamed(c, args[0])
			if err != nil {
				return err
			}
			all, err := c.Checklists(ctx, scope)
			if err != nil {
				return err
			}
			return a.print(all, func(w io.Writer) {
				for _, k := range all {
					fmt.Fprintf(w, "%s  %s, version %s  %s\n", k.ID.String()[:8], k.Title, orNone(k.Version), k.Area)
				}
			})
		})
	})
}

func (a *app) checklistNext(p *chosen) *cobra.Command {
	var after string
	c := &cobra.Command{Use: "next", Short: "Show the next open question"}
	c.Flags().StringVar(&after, "after", "", "look behind this item or repeat")
	return a.command(c, func(ctx context.Context, _ []string) error {
		return a.on(ctx, p, func(_ *fieldclient.Client, k *fieldclient.Checklist) (err error) {
			var from form.Ref
			if after != "" {
				if from, err = k.Find(ctx, after); errors.Is(err, form.ErrNoPlace) {
					from, err = k.FindRepeat(ctx, after)
				}
				if err != nil {
					return typedWrongly(err)
				}
			}
			step, err := k.Next(ctx, from)
			if err != nil {
				return err
			}
			names, err := k.Names(ctx)
			if err != nil {
				return err
			}
			v := stepView{Notes: []string{}, Empty: emptyOf(names, step.Empty)}
			for _, n := range step.Notes {
				v.Notes = append(v.Notes, n.Label)
			}
			if step.Left {
				q := itemOf(names, step.Item)
				v.itemView = &q
			}
			return a.print(v, func(w io.Writer) { writeStep(w, names, step) })
		})
	})
}

// stepView is what comes next as a script reads it; without a question where none is open.
type stepView struct {
	*itemView
	Notes []string    `json:"notes"` // the form author's words before it
	Empty []emptyView `json:"empty"` // what nobody has begun before it; at the end all of it
}

// emptyView is a repeat without an instance.
type emptyView struct {
	ID    string   `json:"id"`
	Place form.Ref `json:"place"`
	Label string   `json:"label"`
}

func emptyOf(names map[form.Ref]string, items []fieldclient.Item) []emptyView {
	out := []emptyView{}
	for _, it := range items {
		out = append(out, emptyView{names[it.Ref], it.Ref, it.Label})
	}
	return out
}

func writeStep(w io.Writer, names map[form.Ref]string, s fieldclient.Step) {
	for _, n := range s.Notes {
		fmt.Fprintf(w, "%s\n", n.Label)
		if n.Hint != "" {
			fmt.Fprintf(w, "    %s\n", n.Hint)
		}
	}
	writeEmpty(w, emptyOf(names, s.Empty))
	switch {
	case s.Left:
		writeItem(w, names, s.Item)
	case len(s.Empty) > 0:
		fmt.Fprintln(w, "No question is open. What is listed has not been begun.")
	default:
		fmt.Fprintln(w, "Nothing is open. `kua checklist validate` shows whether something is wrong.")
	}
}

func writeEmpty(w io.Writer, all []emptyView) {
	for _, e := range all {
		fmt.Fprintf(w, "%s  %s: none yet. `kua checklist add %s` begins one.\n", e.ID, e.Label, e.ID)
	}
}

// itemView is a question as a script reads it.
type itemView struct {
	ID       string             `json:"id"`
	Place    form.Ref           `json:"place"`
	Label    string             `json:"label"`
	Hint     string             `json:"hint,omitempty"`
	Type     string             `json:"type"`
	Value    string             `json:"value"`
	Status   string             `json:"status"` // open, answered, sealed or a silence
	Relevant bool               `json:"relevant"`
	Required bool               `json:"required,omitempty"`
	Invalid  bool               `json:"invalid,omitempty"`
	Choices  []form.Option      `json:"choices,omitempty"`
	Sources  []string           `json:"sources,omitempty"`
	Mine     fieldclient.Said   `json:"mine"`
	Others   []fieldclient.Said `json:"others,omitempty"`
	Agreed   []fieldclient.Said `json:"agreed,omitempty"`
}

func itemOf(names map[form.Ref]string, it fieldclient.Item) itemView {
	return itemView{names[it.Ref], it.Ref, it.Label, it.Hint, it.Node.Type, it.Value, itemStatus(it), it.Relevant, it.Required, it.Invalid,
		it.Choices, it.Sources(), it.Mine, it.Others, it.Agreed}
}

// itemStatus is answerStatus of what this person says, which may not open here.
func itemStatus(it fieldclient.Item) string {
	if it.Value == "" && it.Silence == form.None && it.Mine.Sealed() {
		return "sealed"
	}
	return answerStatus(it.Value, it.Means)
}

func saidStatus(s fieldclient.Said) string {
	switch {
	case s.Sealed() && s.Gate:
		return "sealed at the gate"
	case s.Sealed():
		return "sealed: its key is not here"
	}
	return answerStatus(s.Value, s.Silence)
}

func answerStatus(value string, silence form.Silence) string {
	switch {
	case silence != form.None:
		return silence.String()
	case value != "":
		return "answered"
	}
	return "open"
}

func writeItem(w io.Writer, names map[form.Ref]string, it fieldclient.Item) {
	fmt.Fprintf(w, "%s  %s\n", names[it.Ref], it.Label)
	if it.Hint != "" {
		fmt.Fprintf(w, "    %s\n", it.Hint)
	}
	for _, o := range it.Choices {
		fmt.Fprintf(w, "    %-24s %s\n", o.Value, o.Label)
	}
	if len(it.Choices) == 0 && it.Node.Data != "" {
		fmt.Fprintf(w, "    (%s)\n", it.Node.Type)
	}
	fmt.Fprintf(w, "    place: %s; sources: %s\n", it.Ref, strings.Join(it.Sources(), ", "))
}
