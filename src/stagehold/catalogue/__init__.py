"""The checks there are, read and shown."""
