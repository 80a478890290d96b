// Package form reads the field's own form standard, XLSForm (https://xlsform.org), from .xlsx and .xls workbooks into
// an immutable [Template], says everything that is wrong with a form in words for its author, and writes it back as
// XLSForm and as ODK XForms XML (https://getodk.github.io/xforms-spec).
//
// A workbook comes from outside: it is told apart by its first bytes, bounded before it is unpacked, and nothing in it
// is ever executed. Formulas count with the value that the spreadsheet program stored.
package form
