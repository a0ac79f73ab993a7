"""How SSH servers let people in, and by which algorithms."""
