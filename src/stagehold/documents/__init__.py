"""Files that people write: strict YAML with a position for everything that is wrong in it."""
