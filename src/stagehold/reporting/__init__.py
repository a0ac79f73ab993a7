"""What people and pipelines read of a run: each module renders one verdict in one form and judges nothing."""
