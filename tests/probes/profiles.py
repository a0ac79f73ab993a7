"""Profiles that TLS servers of the tests are judged by."""

from __future__ import annotations

from stagehold.tls_profile.reader import shipped_profile

DEFAULT_PROFILE = shipped_profile("intermediate")
MODERN_PROFILE = shipped_profile("modern")
