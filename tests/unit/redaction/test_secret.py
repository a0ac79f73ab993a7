"""A secret shows itself to nobody by accident."""

from __future__ import annotations

import copy
import json
import pickle
import traceback
from collections.abc import Callable

import pytest

from stagehold.redaction.secret import HIDDEN, Secret, reveal

TEXT = "Tr0ub4dor&3 horse"


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        "{}".format,
        "{!r:>40}".format,
        lambda secret: f"{secret:>40}",
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031 - as logging formats
        lambda secret: json.dumps({"password": secret}, default=str),
        lambda secret: str([secret, {"a": (secret,)}]),
        lambda secret: str(dir(secret)) + str(getattr(secret, "__dict__", "")),
    ],
)
def test_no_way_of_showing_tells_it(show: Callable[[object], str]) -> None:
    """Whatever turns an object into text gets a placeholder."""
    shown = show(Secret(TEXT))

    assert TEXT not in shown


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_cannot_be_pickled(protocol: int) -> None:
    """A secret does not travel to another process or a cache."""
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(Secret(TEXT), protocol)


def test_a_traceback_with_locals_does_not_tell_it() -> None:
    """Tools that print local variables print the placeholder."""

    def log_in(secret: Secret) -> None:
        raise ValueError(f"could not log in with {secret}")

    with pytest.raises(ValueError, match="could not log in") as caught:
        log_in(Secret(TEXT))
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())

    assert f"secret = {HIDDEN}" in shown
    assert f"log in with {HIDDEN}" in shown
    assert TEXT not in shown


def test_only_reveal_gives_it_away() -> None:
    """`reveal()` is the one door; a plain string passes through the helper."""
    assert Secret(TEXT).reveal() == reveal(Secret(TEXT)) == reveal(TEXT) == TEXT


def test_it_is_compared_with_secrets_only() -> None:
    """Equal texts make equal secrets; a string never equals one, so that nothing can be probed by comparison."""
    assert Secret("ä1") == Secret("ä1")
    assert Secret("a") != Secret("b")
    assert Secret(TEXT) != TEXT
    assert len({Secret(TEXT), Secret(TEXT)}) == 1
    assert not Secret("")
    assert copy.deepcopy([Secret(TEXT)]) == [Secret(TEXT)]
