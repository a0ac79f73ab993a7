"""Speaks with services that begin TLS in the middle of their own protocol, and tries to log in before that."""
