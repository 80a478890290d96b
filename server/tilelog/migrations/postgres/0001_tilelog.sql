-- The one row says how many entries the log has and which number its origin ends in. Updating it first makes
-- appends take turns.
CREATE TABLE tilelog_tree (
    id     BIGINT PRIMARY KEY CHECK (id = 1),
    size   BIGINT NOT NULL CHECK (size >= 0),
    number BIGINT NOT NULL CHECK (number >= 1)
);

INSERT INTO tilelog_tree (id, size, number) VALUES (1, 0, 1);

CREATE TABLE tilelog_entry (
    idx  BIGINT PRIMARY KEY,
    body BYTEA NOT NULL CHECK (length(body) <= 65535)
);

-- One row per hash tile of C2SP tlog-tiles: up to 256 hashes of 32 bytes, level 0 over the entries. The last row of
-- each level grows; a full one never changes.
CREATE TABLE tilelog_tile (
    level  BIGINT NOT NULL CHECK (level BETWEEN 0 AND 7),
    n      BIGINT NOT NULL CHECK (n >= 0),
    hashes BYTEA NOT NULL CHECK (length(hashes) % 32 = 0 AND length(hashes) BETWEEN 32 AND 8192),
    PRIMARY KEY (level, n)
);

-- Every checkpoint that was ever published under an origin, as signed.
CREATE TABLE tilelog_checkpoint (
    number BIGINT NOT NULL,
    size   BIGINT NOT NULL,
    root   BYTEA NOT NULL CHECK (length(root) = 32),
    note   BYTEA NOT NULL,
    PRIMARY KEY (number, size)
);
