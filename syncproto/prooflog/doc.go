// Package prooflog checks that a record stands in the public log, and that the log only grew (docs/protocol.md §9).
//
// The log is a C2SP tlog-tiles log with RFC 6962 hashing: each accepted changeset is one entry (Entry), a signed
// Checkpoint states size and root, and tiles let anybody compute every proof (Prover). A Proof in the format
// c2sp.org/tlog-proof@v1 is the portable evidence for one record; it is verified offline. The package is pure: tiles
// come from a function that the caller gives.
package prooflog
