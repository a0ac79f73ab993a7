"""What may be shown to anybody, and how errors are provoked: `disclosure` and `hooks`."""

from __future__ import annotations

from pydantic import Field

from stagehold.environment.access import Request
from stagehold.environment.values import Text, UrlPath
from stagehold.model import Model


class Disclosure(Model):
    """What of the service's inside is meant to be seen."""

    paths: tuple[UrlPath, ...] = ()
    """Metrics, debug and API documentation that are meant for anybody, besides `inventory.public_operations`."""
    versions: tuple[Text, ...] = ()
    """Names of products, such as one's own, whose version responses may tell."""


class ForcedError(Request):
    """A request that the service answers with an internal error (500)."""

    target: Text
    account: Text | None = None
    """Who sends it; default: nobody in particular."""


class Hooks(Model):
    """What the environment offers for testing that production does not."""

    force_error: ForcedError | None = Field(default=None)
