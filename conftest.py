"""Loads the plug-in by name, for people who live in pytest: `pytest suites/tls --env demo`."""

pytest_plugins = ["stagehold.plugin", "pytester"]
