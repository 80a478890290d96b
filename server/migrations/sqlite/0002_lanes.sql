-- Chunks of first syncs, by what they hold: the bytes are made again from the log when somebody asks.

CREATE TABLE snapshot_chunk (
  hash   BLOB PRIMARY KEY,              -- SHA-256 of the chunk
  scope  BLOB NOT NULL,
  first  INTEGER NOT NULL,              -- positions that it holds
  last   INTEGER NOT NULL,
  closed INTEGER NOT NULL,              -- full: its range never changes again
  mark   BLOB NOT NULL,                 -- SHA-256 over what is passed on of each position
  bytes  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX snapshot_chunk_scope ON snapshot_chunk (scope, closed, first);

-- Sealed attachments. The bytes are in the folder blobs.

CREATE TABLE blob (
  scope    BLOB NOT NULL,
  hash     BLOB NOT NULL,               -- SHA-256 of the whole
  device   BLOB NOT NULL,               -- that began to bring it
  file     TEXT NOT NULL,               -- random name in the folder
  size     INTEGER NOT NULL,            -- of the whole, as announced
  received INTEGER NOT NULL,            -- bytes that are on the disk
  complete INTEGER NOT NULL,            -- all of them, and their hash is right
  touched  INTEGER NOT NULL,            -- Unix milliseconds of the last piece
  PRIMARY KEY (scope, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_device ON blob (device);
