"""Many strings are found in data as surely as one by one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from stagehold.redaction.matcher import Matcher

NEEDLES = st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=12)


@settings(max_examples=60)
@given(needles=NEEDLES, parts=st.lists(st.binary(max_size=30), max_size=8), picks=st.lists(st.integers(0, 11)))
def test_it_finds_exactly_what_is_there(needles: list[bytes], parts: list[bytes], picks: list[int]) -> None:
    """For strings of every length, at every offset, at the start and at the end, the longest first."""
    chosen = [needles[pick % len(needles)] for pick in picks]
    data = b"".join(part + needle for part, needle in zip([*parts, b""] * 12, chosen, strict=False)) + b"".join(parts)

    found = Matcher(needles).present(data)

    assert sorted(found) == sorted({needle for needle in needles if needle in data})
    assert [len(needle) for needle in found] == sorted(map(len, found), reverse=True)


@settings(max_examples=60)
@given(needle=st.binary(min_size=1, max_size=40), before=st.integers(0, 40), after=st.integers(0, 40))
def test_no_offset_hides_a_string(needle: bytes, before: int, after: int) -> None:
    """Neither the width of the numbers nor a rest at the end of the data matters."""
    assert Matcher([needle]).present(b"\xff" * before + needle + b"\xff" * after) == [needle]


def test_strings_can_be_added_later() -> None:
    """A token that a login gave in the middle of a run counts from then on."""
    matcher = Matcher()
    assert matcher.present(b"a long enough token") == []

    matcher.add(b"long enough token")

    assert matcher.present(b"a long enough token") == [b"long enough token"]
