"""Offers the declared load through Locust and returns what was counted; judges nothing.

`run_load` → `LoadRun`. Whether that keeps the objectives is `stagehold.capacity`'s to say.
"""

from stagehold.probes.load.completeness import strained
from stagehold.probes.load.observation import Cell, LoadRun, Worker
from stagehold.probes.load.plan import LoadOrder, order_load
from stagehold.probes.load.runner import run_load

__all__ = ["Cell", "LoadOrder", "LoadRun", "Worker", "order_load", "run_load", "strained"]
