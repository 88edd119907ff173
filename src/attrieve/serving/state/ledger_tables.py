"""The ledger's tables.

An entry is stored as the text its hash is taken of; the columns one searches by are computed from it and
cannot differ from it. Triggers refuse what a ledger never does: a change, a gap, a removal that no signed
tombstone covers. Whoever can write the file can drop them; that is what the hashes and signatures are for.
"""

LEDGER_TABLES = """
CREATE TABLE ledger (
    sequence INTEGER PRIMARY KEY,
    entry TEXT NOT NULL,
    hash TEXT NOT NULL,
    time TEXT GENERATED ALWAYS AS (json_extract(entry, '$.time')) VIRTUAL,
    who TEXT GENERATED ALWAYS AS (json_extract(entry, '$.who')) VIRTUAL,
    action TEXT GENERATED ALWAYS AS (json_extract(entry, '$.action')) VIRTUAL,
    purpose TEXT GENERATED ALWAYS AS (json_extract(entry, '$.purpose')) VIRTUAL,
    case_number TEXT GENERATED ALWAYS AS (json_extract(entry, '$.case')) VIRTUAL
) STRICT;

CREATE INDEX ledger_time ON ledger (time);
CREATE INDEX ledger_who ON ledger (who);
CREATE INDEX ledger_action ON ledger (action);
CREATE INDEX ledger_case ON ledger (case_number);

CREATE TABLE ledger_head (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    sequence INTEGER NOT NULL,
    hash TEXT NOT NULL,
    signature TEXT NOT NULL
) STRICT;

CREATE TABLE ledger_tombstones (
    number INTEGER PRIMARY KEY,
    statement TEXT NOT NULL,
    signature TEXT NOT NULL,
    through INTEGER NOT NULL GENERATED ALWAYS AS (json_extract(statement, '$.through')) VIRTUAL
) STRICT;

CREATE TRIGGER ledger_no_change BEFORE UPDATE ON ledger
BEGIN SELECT RAISE(ABORT, 'entries of the ledger are never changed'); END;

CREATE TRIGGER ledger_no_gap BEFORE INSERT ON ledger
WHEN NEW.sequence IS NOT 1 + max(
    coalesce((SELECT max(sequence) FROM ledger), 0), coalesce((SELECT max(through) FROM ledger_tombstones), 0)
)
BEGIN SELECT RAISE(ABORT, 'entries of the ledger are only put at its end'); END;

CREATE TRIGGER ledger_no_removal BEFORE DELETE ON ledger
WHEN OLD.sequence > coalesce((SELECT max(through) FROM ledger_tombstones), 0)
BEGIN SELECT RAISE(ABORT, 'entries of the ledger leave it by retention alone'); END;

CREATE TRIGGER ledger_head_goes_on BEFORE UPDATE ON ledger_head
WHEN NEW.sequence <= OLD.sequence
BEGIN SELECT RAISE(ABORT, 'the head of the ledger never goes back'); END;

CREATE TRIGGER ledger_head_stays BEFORE DELETE ON ledger_head
BEGIN SELECT RAISE(ABORT, 'the head of the ledger is never removed'); END;

CREATE TRIGGER ledger_tombstones_no_change BEFORE UPDATE ON ledger_tombstones
BEGIN SELECT RAISE(ABORT, 'tombstones are never changed'); END;

CREATE TRIGGER ledger_tombstones_stay BEFORE DELETE ON ledger_tombstones
BEGIN SELECT RAISE(ABORT, 'tombstones are never removed'); END;
"""
"""Version 1."""
