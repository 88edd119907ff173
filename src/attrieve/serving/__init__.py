"""The service: a REST interface and pages over one gallery."""
