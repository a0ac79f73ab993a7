"""What a load run proves: claims with exact bounds, and the tables and drawing that show them.

Pure functions over `stagehold.probes.load.LoadRun`; nothing here sends or runs anything.
"""

from stagehold.capacity.claims import Capacity, Claim, Standing, assess, require_enough

__all__ = ["Capacity", "Claim", "Standing", "assess", "require_enough"]
