"""The demo environment as the gate sees it: a process of its own."""
