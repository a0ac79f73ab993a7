"""Fixtures of the headers suite: single responses of a target."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stagehold.environment.model import Environment, Target
from stagehold.probes.web.client import HttpClient
from stagehold.probes.web.transport_policy import PolicySample, sample_policy


@pytest.fixture(scope="session")
def policy_samples(
    environment: Environment, target: Target, http: Callable[..., HttpClient]
) -> tuple[PolicySample, ...]:
    """Responses of every kind of a target, with what is wrong with their transport policy."""
    return sample_policy(environment, target, http)
