// Package syncproto holds the words and the rules that every part of Kua shares.
//
// A changeset is a signed batch of operations by one device in one scope. The set of accepted changesets is the
// truth; everything shown to a person is a pure function of that set (docs/protocol.md §3). The package is pure: it
// performs no I/O, reads no clock, draws no randomness and starts no goroutine. Time, randomness and keys are
// arguments.
//
// Where to begin:
//
//   - changeset.go: what is signed, what the server can see, what is sealed
//   - merge.go: Fold, the only place where truth is made
//   - roster.go, judge.go: who may do what, and what happens to work without the right
//   - vocabulary.go: every kind of record and field, in one table
//   - exchange.go, receipt.go, bundle.go: what travels
package syncproto
