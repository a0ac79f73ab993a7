"""Observes which ports of a host answer."""
