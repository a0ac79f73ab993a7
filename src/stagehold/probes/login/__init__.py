"""Logs in as declared, and observes what sessions are worth."""
