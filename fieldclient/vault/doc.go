// Package vault is the encrypted store of one laptop. It keeps opaque records: a log of numbered rows that is only ever
// appended to or erased in place, and named values. All of it is sealed under a random key, the DEK, which the key file
// wraps under a passphrase and a recovery secret. On the disk stands how many rows there are and, within 1/16, how
// large each is; and the same of sealed attachments. Nothing else.
//
// The files of Config.Dir:
//
//	keys       the key file: 416 bytes, always
//	store.db   SQLite, with store.db-wal and store.db-shm while it is open
//	lock       empty; held locked by the one process that has the vault open
//	blobs      sealed attachments, each named for its SHA-256: it shows how many there are, how large, and when they came
//
// and, only while the vault is being created or its key file replaced, keys.new and store.new. One more file lives in
// Config.StateDir, to tell a restored or copied vault from its original (docs/protocol.md §5).
//
// What this cannot do. Keys live in Go's memory, which Close overwrites where it can reach it. A changed passphrase
// protects from now on: whoever has an older copy of the key file opens it with the older passphrase. Flash memory
// keeps old blocks, so overwriting is a best effort; a disk that is encrypted as a whole is presumed. An image of
// the whole disk that is put back, StateDir and all, is not noticed here but by the server and by other devices.
package vault
