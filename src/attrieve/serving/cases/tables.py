"""The tables of the case folders."""

TABLES = [
    """
    CREATE TABLE cases (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        number TEXT NOT NULL UNIQUE,
        title TEXT NOT NULL,
        purpose TEXT NOT NULL,
        status TEXT NOT NULL,
        created_by TEXT NOT NULL,
        created_at REAL NOT NULL,
        changed_at REAL NOT NULL
    ) STRICT;
    CREATE TABLE case_members (
        case_id INTEGER NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
        name TEXT NOT NULL,
        role TEXT NOT NULL,
        PRIMARY KEY (case_id, name)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX case_members_by_name ON case_members (name);
    CREATE TABLE case_notes (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        case_id INTEGER NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
        author TEXT NOT NULL,
        written_at REAL NOT NULL,
        text TEXT NOT NULL,
        key TEXT
    ) STRICT;
    CREATE INDEX case_notes_by_case ON case_notes (case_id, id);
    CREATE TABLE case_queries (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        case_id INTEGER NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
        name TEXT NOT NULL,
        text TEXT NOT NULL,
        request TEXT NOT NULL,
        author TEXT NOT NULL,
        saved_at REAL NOT NULL
    ) STRICT;
    CREATE INDEX case_queries_by_case ON case_queries (case_id, id);
    CREATE TABLE case_hits (
        case_id INTEGER NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
        key TEXT NOT NULL,
        facts TEXT NOT NULL,
        query_id INTEGER REFERENCES case_queries (id) ON DELETE SET NULL,
        saved_by TEXT NOT NULL,
        saved_at REAL NOT NULL,
        mark TEXT,
        marked_by TEXT,
        marked_at REAL,
        erased_at REAL,
        PRIMARY KEY (case_id, key)
    ) STRICT;
    CREATE INDEX case_hits_by_key ON case_hits (key);
    """,
    """
    CREATE TABLE erased_rows (
        key TEXT PRIMARY KEY,
        erased_at REAL NOT NULL,
        gone INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    """,
]
"""One text for each version."""
