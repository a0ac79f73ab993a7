"""Observes who may do what: operations, canary objects, and the oracle that tells a grant from a refusal."""
