"""Keeps secrets out of what a run publishes: types, a registry, a redactor, and a search that blocks.

`secret` → `forms` → `matcher` → `registry` → `redactor`; `scan` searches a finished tree. Nothing here knows
the environment, pytest or reports.
"""
