"""A person in a real browser."""
