"""Observes TLS endpoints: versions, suites, certificates."""
