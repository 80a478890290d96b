-- What the server keeps beside the replica and the log.

CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE invitation (
  id      BLOB PRIMARY KEY,
  code    BLOB NOT NULL,                -- SHA-256 of the code: the code itself is never here
  expires INTEGER NOT NULL,             -- Unix milliseconds
  intent  BLOB NOT NULL,                -- the coordinator's own note, opaque
  author  BLOB NOT NULL                 -- device that made it
) STRICT, WITHOUT ROWID;

CREATE TABLE enrolment (
  id         BLOB PRIMARY KEY,          -- SHA-256 of the request
  invitation BLOB NOT NULL REFERENCES invitation (id) ON DELETE CASCADE,
  request    BLOB NOT NULL,             -- as received
  received   INTEGER NOT NULL           -- Unix milliseconds
) STRICT, WITHOUT ROWID;
CREATE INDEX enrolment_invitation ON enrolment (invitation);
