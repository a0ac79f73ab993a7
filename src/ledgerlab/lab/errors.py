"""What goes wrong in the laboratory."""

from __future__ import annotations


class LabError(Exception):
    """The laboratory cannot be started or has broken; the message is one clear sentence."""
