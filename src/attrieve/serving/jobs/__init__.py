"""Work that outlasts a request: kept in the service's database, done by worker threads, survives kills."""
