-- The log and what is merged from it. Truth is roster + changeset; everything else is rebuilt from them.

CREATE TABLE roster (
  position INTEGER PRIMARY KEY,
  id       BLOB NOT NULL UNIQUE,
  record   BLOB NOT NULL
) STRICT;

CREATE TABLE scope (
  id       INTEGER PRIMARY KEY,
  scope    BLOB NOT NULL UNIQUE,
  position INTEGER NOT NULL,            -- newest position: dense, in commit order
  region   TEXT NOT NULL,
  opening  INTEGER NOT NULL             -- changeset that opened it; 0 where none has come
) STRICT;

CREATE TABLE team (
  scope     INTEGER NOT NULL,
  person    BLOB NOT NULL,
  changeset INTEGER NOT NULL,
  PRIMARY KEY (scope, person, changeset)
) STRICT, WITHOUT ROWID;

CREATE TABLE feed (
  id        INTEGER PRIMARY KEY,
  feed      BLOB NOT NULL UNIQUE,
  scope     INTEGER NOT NULL,
  device    BLOB NOT NULL,
  n         INTEGER NOT NULL,           -- newest changeset of the branch that came first
  head      INTEGER NOT NULL,           -- its row
  head_id   BLOB NOT NULL,
  next_seq  INTEGER NOT NULL,
  forked    INTEGER NOT NULL
) STRICT;
CREATE INDEX feed_scope ON feed (scope);

CREATE TABLE changeset (
  id        INTEGER PRIMARY KEY,
  cs        BLOB NOT NULL UNIQUE,
  scope     INTEGER NOT NULL,
  position  INTEGER NOT NULL,
  feed      INTEGER NOT NULL,
  n         INTEGER NOT NULL,
  seq0      INTEGER NOT NULL,
  count     INTEGER NOT NULL,
  prev      INTEGER NOT NULL,           -- row of the feed's previous changeset, 0 for the first
  roster    BLOB NOT NULL,              -- roster head that it cites
  needs     INTEGER NOT NULL,           -- rights that its operations need
  rights    INTEGER NOT NULL,           -- rights that its author held
  code      TEXT NOT NULL,              -- why it is quarantined; '' where it is not
  admitted  INTEGER NOT NULL,           -- a person let it take effect all the same
  received  INTEGER NOT NULL,           -- Unix milliseconds
  body      BLOB NOT NULL,              -- SHA-256 of the body as stored
  leaf      INTEGER NOT NULL,           -- index in the transparency log
  records   BLOB NOT NULL,              -- rows of the records that it touches, as varints
  redacted  INTEGER NOT NULL,           -- the stored body is the redacted one
  ext       INTEGER NOT NULL,           -- the laptop's row that holds the packet
  packet    BLOB
) STRICT;
CREATE UNIQUE INDEX changeset_position ON changeset (scope, position);
CREATE INDEX changeset_feed ON changeset (feed, n);
CREATE INDEX changeset_code ON changeset (scope, id) WHERE code <> '';

CREATE TABLE record (
  id        INTEGER PRIMARY KEY,
  scope     INTEGER NOT NULL,
  entity    BLOB NOT NULL,
  kind      INTEGER NOT NULL,
  attention INTEGER NOT NULL,
  log       BLOB NOT NULL               -- every operation on it, packed: see record.go
) STRICT;
CREATE UNIQUE INDEX record_entity ON record (scope, entity);
CREATE INDEX record_attention ON record (scope, id) WHERE attention <> 0;

CREATE TABLE held (
  cs     BLOB PRIMARY KEY,
  scope  BLOB NOT NULL,
  code   TEXT NOT NULL,
  need   BLOB NOT NULL,                 -- what must come first: see held.go
  since  INTEGER NOT NULL,
  ext    INTEGER NOT NULL,
  pusher BLOB NOT NULL,                 -- device that brought it; zero where nobody did
  packet BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX held_need ON held (need);

CREATE TABLE dangling (
  feed   BLOB NOT NULL,
  n      INTEGER NOT NULL,
  record INTEGER NOT NULL,
  PRIMARY KEY (feed, n, record)
) STRICT, WITHOUT ROWID;

CREATE TABLE admission (
  scope     INTEGER NOT NULL,
  feed      BLOB NOT NULL,
  n         INTEGER NOT NULL,           -- covers this changeset and its ancestors
  short     BLOB NOT NULL,
  changeset INTEGER NOT NULL,           -- that carries the decision
  declined  INTEGER NOT NULL,
  PRIMARY KEY (scope, feed, n, short, changeset)
) STRICT, WITHOUT ROWID;

CREATE TABLE erasure (
  changeset INTEGER NOT NULL,
  place     INTEGER NOT NULL,           -- index of the operation
  PRIMARY KEY (changeset, place)
) STRICT, WITHOUT ROWID;
