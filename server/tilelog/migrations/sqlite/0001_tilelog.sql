-- The one row says how many entries the log has and which number its origin ends in. Updating it first makes
-- appends take turns.
CREATE TABLE tilelog_tree (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    size   INTEGER NOT NULL CHECK (size >= 0),
    number INTEGER NOT NULL CHECK (number >= 1)
) STRICT;

INSERT INTO tilelog_tree (id, size, number) VALUES (1, 0, 1);

CREATE TABLE tilelog_entry (
    idx  INTEGER PRIMARY KEY,
    body BLOB NOT NULL CHECK (length(body) <= 65535)
) STRICT;

-- One row per hash tile of C2SP tlog-tiles: up to 256 hashes of 32 bytes, level 0 over the entries. The last row of
-- each level grows; a full one never changes.
CREATE TABLE tilelog_tile (
    level  INTEGER NOT NULL CHECK (level BETWEEN 0 AND 7),
    n      INTEGER NOT NULL CHECK (n >= 0),
    hashes BLOB NOT NULL CHECK (length(hashes) % 32 = 0 AND length(hashes) BETWEEN 32 AND 8192),
    PRIMARY KEY (level, n)
) STRICT;

-- Every checkpoint that was ever published under an origin, as signed.
CREATE TABLE tilelog_checkpoint (
    number INTEGER NOT NULL,
    size   INTEGER NOT NULL,
    root   BLOB NOT NULL CHECK (length(root) = 32),
    note   BLOB NOT NULL,
    PRIMARY KEY (number, size)
) STRICT;
