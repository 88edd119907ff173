"""What the service remembers: accounts, keys, sessions and the ledger, in one SQLite file."""
