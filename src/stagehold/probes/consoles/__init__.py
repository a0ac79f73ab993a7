"""Looks for web consoles of databases."""
