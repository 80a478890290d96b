package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"kua/fieldclient"
	"kua/fieldclient/checklists"
	"kua/fieldclient/form"
)

func (a *app) template() *cobra.Command {
	return a.group("template", "Bring checklist forms in, approve them, and write them out: XLSForm workbooks, and those that come with Kua",
		a.templateImport(), a.templateCheck(), a.templateList(), a.templateShow(), a.templateState("approve"), a.templateState("withdraw"),
		a.templateStarter(), a.templateExport())
}

// issueView is one problem of a form, with its place as a spreadsheet program counts.
type issueView struct {
	Severity string `json:"severity"`
	Sheet    string `json:"sheet,omitempty"`
	Row      int    `json:"row,omitempty"`
	Column   string `json:"column,omitempty"`
	Code     string `json:"code"`
	Message  string `json:"message"`
}

var errForm = errors.New("the form cannot be used before its author changes what is listed")

func (a *app) templateCheck() *cobra.Command {
	return a.command(&cobra.Command{Use: "check FILE", Short: "Say everything that is wrong with a form, by sheet, row and column", Args: cobra.ExactArgs(1),
		Long: "Read an XLSForm (.xlsx or .xls) without using it, and list every problem at once. Nothing in the file is executed.\n" +
			"The exit code is 1 where the form cannot be used."},
		func(ctx context.Context, args []string) error {
			t, issues, err := importForm(ctx, args[0])
			if err != nil && !form.HasErrors(issues) {
				return err
			}
			list := make([]issueView, len(issues))
			for i, is := range issues {
				list[i] = issueView{is.Severity.String(), is.Sheet, is.Row, is.Column, string(is.Code), is.Message}
			}
			if err := a.print(list, func(w io.Writer) { writeIssues(w, issues, t) }); err != nil {
				return err
			}
			if t == nil {
				return errForm
			}
			return nil
		})
}

func writeIssues(w io.Writer, issues []form.Issue, t *form.Template) {
	for _, is := range issues {
		fmt.Fprintln(w, is)
	}
	if t != nil {
		fmt.Fprintf(w, "The form can be used. Its version is %x.\n", t.Hash())
	}
}

func importForm(ctx context.Context, path string) (*form.Template, []form.Issue, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	return form.Import(ctx, f, info.Size(), info.Name())
}

func (a *app) templateStarter() *cobra.Command {
	var out string
	c := &cobra.Command{Use: "starter [NAME]", Short: "List the checklists that come with Kua, or write one to a file", Args: cobra.MaximumNArgs(1),
		Long: "List the checklists that come with Kua in Kazakh, Russian and English, or write one as an XLSForm workbook, to be looked\n" +
			"at and changed. Kazakh words that no official text backs are marked for a native speaker in a column of their own."}
	c.Flags().StringVar(&out, "out", "", "file to write; it must not exist")
	return a.command(c, func(_ context.Context, args []string) error {
		if len(args) == 0 {
			return a.print(checklists.All(), func(w io.Writer) {
				for _, l := range checklists.All() {
					fmt.Fprintf(w, "%-12s %s\n%-12s %s\n%-12s %s\n", l.Name, l.Title.EN, "", l.Title.RU, "", l.Title.KK)
				}
			})
		}
		b, err := checklists.Workbook(args[0])
		if err != nil {
			return err
		}
		if out == "" {
			out = args[0] + ".xlsx"
		}
		if err := writeNew(out, b); err != nil {
			return err
		}
		return a.say(map[string]string{"file": out}, "Written to %s.", out)
	})
}

func (a *app) templateExport() *cobra.Command {
	var xform bool
	c := &cobra.Command{Use: "export FILE|TEMPLATE OUT", Short: "Write a form as an XLSForm workbook, or as ODK XForms XML", Args: cobra.ExactArgs(2),
		Long: "Write a form as an XLSForm workbook, or with --xform as ODK XForms XML: a file's, or a template's of the registry."}
	c.Flags().BoolVar(&xform, "xform", false, "ODK XForms XML instead of a workbook")
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.withForm(ctx, args[0], func(t *form.Template) error {
			write := t.WriteXLSX
			if xform {
				write = t.WriteXForm
			}
			var b bytes.Buffer
			if err := write(&b); err != nil {
				return err
			}
			if err := writeNew(args[1], b.Bytes()); err != nil {
				return err
			}
			return a.say(map[string]string{"file": args[1]}, "Written to %s.", args[1])
		})
	})
}

// withForm reads a form from a file, or where there is none of that name from the registry.
func (a *app) withForm(ctx context.Context, name string, use func(*form.Template) error) error {
	if _, err := os.Stat(name); err == nil {
		t, issues, err := importForm(ctx, name)
		if err != nil {
			writeIssues(shown{a.err}, issues, nil)
			return err
		}
		return use(t)
	}
	return a.open(ctx, func(c *fieldclient.Client) error {
		info, err := templateNamed(ctx, c, name, approvedState)
		if err != nil {
			return err
		}
		t, _, err := c.Template(ctx, info.ID)
		if err != nil {
			return err
		}
		return use(t)
	})
}
