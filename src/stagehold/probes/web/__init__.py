"""Observes single HTTP answers, and reads pages."""
