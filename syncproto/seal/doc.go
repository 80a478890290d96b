// Package seal closes and opens what only the people of a visit may read (docs/protocol.md §7).
//
// A visit has one random VisitKey an epoch. Bodies of changesets are sealed under a key derived from it (SealBody); the
// key itself travels as HPKE wraps, one for each entitled device (Wrap); values of the identity vault are sealed once
// more to two custodians who must both act (SealToBoth). The package is pure: randomness is an argument. The single
// exception is the encapsulation inside crypto/hpke, which always draws from the operating system.
package seal
