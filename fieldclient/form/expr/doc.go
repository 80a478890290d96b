// Package expr is the expression language of ODK forms: XPath 1.0 over a tree of answers, with ODK's functions.
//
// An expression is parsed once ([Parse]), says what it depends on ([Expr.References]), and is evaluated as often as an
// answer changes ([Expr.Evaluate]). The tree, the clock, the random source and everything else from outside are passed
// in; the package has no state of its own, and an Expr may be used from several goroutines.
//
// Sources: XPath 1.0 (W3C, 16 November 1999); the ODK XForms specification, "Bindings"; the reference "Form Operators
// and Functions" of ODK's documentation. Where ODK's engines differ from each other, functions behave as in JavaRosa
// (which ODK Collect runs) and conversions as in XPath 1.0. What an author may notice:
//
//   - A set of nodes is true when it is not empty (XPath 1.0, ODK Web Forms); JavaRosa looks at the answer.
//   - An absolute path means every instance of a repeat (XPath 1.0, ODK Web Forms); JavaRosa takes the instance in
//     which the expression stands. Forms written with ${name} do not notice, because references are made relative.
//   - A text that looks like a date counts as days since 1970-01-01 on the calendar, with the time of day as the
//     fraction, both in the zone of [Env]; JavaRosa drops the fraction, Web Forms counts from UTC. decimal-date-time
//     counts from UTC, as in both.
//   - A text with one comma is a number too, as in JavaRosa: 1,5 is one and a half.
//   - Two numbers are equal when they differ by less than 1e-12, as in JavaRosa.
//   - regex takes RE2's syntax: no look-around, no back references, no possessive quantifiers, no repetition above
//     1,000. A pattern must match the whole text.
//   - A text that is no date gives an empty date or NaN; JavaRosa stops the form.
//   - Names are compared as written, prefix included. There are no variables, no text(), comment() and
//     processing-instruction() nodes, and no id(), lang() and namespace-uri().
//
// Everything is bounded: see [MaxLength], [MaxDepth], [MaxNodes], [MaxText] and [DefaultSteps].
package expr
