package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"kua/fieldclient"
	"kua/fieldclient/checklists"
	"kua/fieldclient/form"
	"kua/syncproto"
)

func (a *app) templateImport() *cobra.Command {
	var approve bool
	var files []string
	c := &cobra.Command{Use: "import FILE|STARTER", Short: "Bring a form into the registry: an XLSForm workbook, or one that comes with Kua", Args: cobra.ExactArgs(1),
		Long: "Bring a form into the registry, as a draft: an XLSForm workbook (.xlsx or .xls), or by its name one of those that come with Kua.\n" +
			"Every problem is listed at once, by sheet, row and column. A version never changes: its id is the beginning of the hash of its\n" +
			"content. It can be used on visits once it is approved."}
	c.Flags().BoolVar(&approve, "approve", false, "approve it as well")
	c.Flags().StringArrayVar(&files, "file", nil, "a .csv file beside the form, for select_one_from_file and pulldata; may be repeated")
	return a.command(c, func(ctx context.Context, args []string) error {
		t, issues, err := readForm(ctx, args[0])
		for i := 0; err == nil && i < len(files); i++ {
			t, issues, err = addFile(t, files[i])
		}
		writeIssues(shown{a.err}, issues, nil)
		if err != nil {
			return err
		}
		return a.open(ctx, func(c *fieldclient.Client) error {
			info, err := c.ImportTemplate(ctx, t)
			if err == nil && approve {
				err = c.ApproveTemplate(ctx, info.ID)
				info.State = "approved"
			}
			if err != nil {
				return err
			}
			return a.made(info.ID.String(), info, "%s, version %s, is in the registry as %s (%s).", info.Title, orNone(info.Version), info.ID, info.State)
		})
	})
}

func addFile(t *form.Template, name string) (*form.Template, []form.Issue, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	return t.AddFile(filepath.Base(name), f)
}

// readForm reads a form from a file, or where there is none of that name a starter checklist.
func readForm(ctx context.Context, name string) (*form.Template, []form.Issue, error) {
	if _, err := os.Stat(name); err != nil {
		if b, err := checklists.Workbook(name); err == nil {
			return form.Import(ctx, bytes.NewReader(b), int64(len(b)), name+".xlsx")
		}
	}
	return importForm(ctx, name)
}

func orNone(s string) string {
	if s == "" {
		return "without a number"
	}
	return s
}

func (a *app) templateList() *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List the templates of the registry"}
	return a.command(c, func(ctx context.Context, _ []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			all, err := c.Templates(ctx)
			if err != nil {
				return err
			}
			return a.print(all, func(w io.Writer) {
				for _, t := range all {
					fmt.Fprintf(w, "%s  %-9s %s, version %s: %s\n", t.ID.String()[:8], t.State, t.Form, orNone(t.Version), t.Title)
				}
			})
		})
	})
}

// templateNamed finds a template by the first digits of its id, or by its form: of several the one in the wanted state,
// and of those the one that was decided on last; see Client.Templates.
func templateNamed(ctx context.Context, c *fieldclient.Client, name, state string) (fieldclient.TemplateInfo, error) {
	all, err := c.Templates(ctx)
	if err != nil {
		return fieldclient.TemplateInfo{}, err
	}
	var found, of []fieldclient.TemplateInfo
	for _, t := range all {
		if len(name) >= 6 && strings.HasPrefix(t.ID.String(), name) {
			found = append(found, t)
		}
		if t.Form == name || t.Form == "kua_"+name {
			of = append(of, t)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return fieldclient.TemplateInfo{}, fmt.Errorf("%s: %w", name, errAmbiguous)
	case len(of) == 0:
		return fieldclient.TemplateInfo{}, fmt.Errorf("template %s: %w", name, fieldclient.ErrNotFound)
	}
	for _, s := range []string{state, approvedState} {
		if i := slices.IndexFunc(of, func(t fieldclient.TemplateInfo) bool { return t.State == s }); i >= 0 {
			return of[i], nil
		}
	}
	return of[0], nil
}

const approvedState, draftState = "approved", "draft"

func (a *app) templateState(do string) *cobra.Command {
	short, done := "Let a template be used on visits", "Approved: visits can use it from now on."
	act, of := (*fieldclient.Client).ApproveTemplate, draftState
	if do == "withdraw" {
		short, done = "Offer a template for new visits no longer; visits that use it keep it", "Withdrawn. Visits that use it keep it."
		act, of = (*fieldclient.Client).WithdrawTemplate, approvedState
	}
	c := &cobra.Command{Use: do + " TEMPLATE", Short: short, Args: cobra.ExactArgs(1)}
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			info, err := templateNamed(ctx, c, args[0], of)
			if err == nil {
				err = act(c, ctx, info.ID)
			}
			if err != nil {
				return err
			}
			return a.say(map[string]string{"template": info.ID.String()}, "%s", done)
		})
	})
}

// questionView is one line of a form that is shown.
type questionView struct {
	ID    string `json:"id"`
	Type  string `json:"type"`
	Depth int    `json:"depth"`
	Label string `json:"label"`
}

func (a *app) templateShow() *cobra.Command {
	var lang string
	c := &cobra.Command{Use: "show FILE|TEMPLATE", Short: "Show the sections and questions of a form", Args: cobra.ExactArgs(1)}
	c.Flags().StringVar(&lang, "lang", "en", "language: kk, ru, en")
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.withForm(ctx, args[0], func(t *form.Template) error {
			var list []questionView
			outline(t, t.Root, languagesOf(t, lang), 0, &list)
			return a.print(list, func(w io.Writer) {
				fmt.Fprintf(w, "%s (%s, version %s, %x)\n", t.Title, t.ID, orNone(t.Version), t.Hash())
				for _, q := range list {
					fmt.Fprintf(w, "%s%s  %s  [%s]\n", strings.Repeat("  ", q.Depth), q.Label, q.ID, q.Type)
				}
			})
		})
	})
}

func outline(t *form.Template, n *form.Node, langs []string, depth int, out *[]questionView) {
	for _, k := range n.Children {
		if k.Generated || k.Kind == form.KindFile {
			continue
		}
		q := questionView{ID: fieldclient.ItemKey(t, k), Type: k.Source, Depth: depth, Label: k.Label.In(langs...)}
		*out = append(*out, q)
		outline(t, k, langs, depth+1, out)
	}
}

// languagesOf finds the form's names of a language, such as "Қазақша (kk)".
func languagesOf(t *form.Template, code string) []string {
	var out []string
	for _, l := range t.Languages {
		if l == code || strings.HasSuffix(l, "("+code+")") {
			out = append(out, l)
		}
	}
	return append(out, t.DefaultLanguage)
}

// interviewNamed finds an interview of a visit by its pseudonym or id.
func interviewNamed(ctx context.Context, c *fieldclient.Client, scope syncproto.ScopeID, name string) (*syncproto.EntityID, error) {
	all, err := c.Records(ctx, scope, "interview")
	if err != nil {
		return nil, err
	}
	for _, v := range all {
		id := v.Entity
		if len(name) >= 6 && strings.HasPrefix(id.String(), name) {
			return &id, nil
		}
		for _, f := range v.Fields {
			if f.Name == "pseudonym" && len(f.Heads) > 0 && f.Heads[0].Value == name {
				return &id, nil
			}
		}
	}
	return nil, fmt.Errorf("interview %s: %w", name, fieldclient.ErrNotFound)
}
