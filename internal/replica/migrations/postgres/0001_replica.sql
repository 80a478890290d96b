-- The log and what is merged from it. Truth is roster + changeset; everything else is rebuilt from them.

CREATE TABLE roster (
  position BIGINT PRIMARY KEY,
  id       BYTEA NOT NULL UNIQUE,
  record   BYTEA NOT NULL
);

CREATE TABLE scope (
  id       BIGINT PRIMARY KEY,
  scope    BYTEA NOT NULL UNIQUE,
  position BIGINT NOT NULL,            -- newest position: dense, in commit order
  region   TEXT NOT NULL,
  opening  BIGINT NOT NULL             -- changeset that opened it; 0 where none has come
);

CREATE TABLE team (
  scope     BIGINT NOT NULL,
  person    BYTEA NOT NULL,
  changeset BIGINT NOT NULL,
  PRIMARY KEY (scope, person, changeset)
);

CREATE TABLE feed (
  id        BIGINT PRIMARY KEY,
  feed      BYTEA NOT NULL UNIQUE,
  scope     BIGINT NOT NULL,
  device    BYTEA NOT NULL,
  n         BIGINT NOT NULL,           -- newest changeset of the branch that came first
  head      BIGINT NOT NULL,           -- its row
  head_id   BYTEA NOT NULL,
  next_seq  BIGINT NOT NULL,
  forked    BIGINT NOT NULL
);
CREATE INDEX feed_scope ON feed (scope);

CREATE TABLE changeset (
  id        BIGINT PRIMARY KEY,
  cs        BYTEA NOT NULL UNIQUE,
  scope     BIGINT NOT NULL,
  position  BIGINT NOT NULL,
  feed      BIGINT NOT NULL,
  n         BIGINT NOT NULL,
  seq0      BIGINT NOT NULL,
  count     BIGINT NOT NULL,
  prev      BIGINT NOT NULL,           -- row of the feed's previous changeset, 0 for the first
  roster    BYTEA NOT NULL,              -- roster head that it cites
  needs     BIGINT NOT NULL,           -- rights that its operations need
  rights    BIGINT NOT NULL,           -- rights that its author held
  code      TEXT NOT NULL,              -- why it is quarantined; '' where it is not
  admitted  BIGINT NOT NULL,           -- a person let it take effect all the same
  received  BIGINT NOT NULL,           -- Unix milliseconds
  body      BYTEA NOT NULL,              -- SHA-256 of the body as stored
  leaf      BIGINT NOT NULL,           -- index in the transparency log
  records   BYTEA NOT NULL,              -- rows of the records that it touches, as varints
  redacted  BIGINT NOT NULL,           -- the stored body is the redacted one
  ext       BIGINT NOT NULL,           -- the laptop's row that holds the packet
  packet    BYTEA
);
CREATE UNIQUE INDEX changeset_position ON changeset (scope, position);
CREATE INDEX changeset_feed ON changeset (feed, n);
CREATE INDEX changeset_code ON changeset (scope, id) WHERE code <> '';

CREATE TABLE record (
  id        BIGINT PRIMARY KEY,
  scope     BIGINT NOT NULL,
  entity    BYTEA NOT NULL,
  kind      BIGINT NOT NULL,
  attention BIGINT NOT NULL,
  log       BYTEA NOT NULL               -- every operation on it, packed: see record.go
);
CREATE UNIQUE INDEX record_entity ON record (scope, entity);
CREATE INDEX record_attention ON record (scope, id) WHERE attention <> 0;

CREATE TABLE held (
  cs     BYTEA PRIMARY KEY,
  scope  BYTEA NOT NULL,
  code   TEXT NOT NULL,
  need   BYTEA NOT NULL,                 -- what must come first: see held.go
  since  BIGINT NOT NULL,
  ext    BIGINT NOT NULL,
  pusher BYTEA NOT NULL,                 -- device that brought it; zero where nobody did
  packet BYTEA NOT NULL
);

CREATE INDEX held_need ON held (need);

CREATE TABLE dangling (
  feed   BYTEA NOT NULL,
  n      BIGINT NOT NULL,
  record BIGINT NOT NULL,
  PRIMARY KEY (feed, n, record)
);

CREATE TABLE admission (
  scope     BIGINT NOT NULL,
  feed      BYTEA NOT NULL,
  n         BIGINT NOT NULL,           -- covers this changeset and its ancestors
  short     BYTEA NOT NULL,
  changeset BIGINT NOT NULL,           -- that carries the decision
  declined  BIGINT NOT NULL,
  PRIMARY KEY (scope, feed, n, short, changeset)
);

CREATE TABLE erasure (
  changeset BIGINT NOT NULL,
  place     BIGINT NOT NULL,           -- index of the operation
  PRIMARY KEY (changeset, place)
);
