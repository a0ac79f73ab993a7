"""Probes: code that observes and does not judge. What cannot be seen raises ProbeError."""
