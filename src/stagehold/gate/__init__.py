"""The gate: from an environment's name to a verdict on disk."""
