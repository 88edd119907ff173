"""The paper's Tables 4.2 and 4.3: every row trained and measured over several seeds, job by job."""
