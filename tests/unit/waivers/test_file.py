"""`waivers.yaml`: read before any traffic; one thing wrong, told with line and column, and nothing is accepted."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from stagehold.documents.problems import ConfigErrors, FileError
from stagehold.environment.waiver_file import FILE_NAME, LoadedWaivers, read_waivers
from stagehold.model import Risk, Severity, WaiverEntry
from stagehold.reporting.waiver_drafts import render_drafts
from tests.unit.waivers.people import failed, judge, spec

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SPECS = [
    spec("NET-001"),
    spec("NET-002"),
    spec("FUN-001", proves=("release-identity",)),
    spec("ACC-001", severity=Severity.BLOCKER, proves=("tenant-isolation",)),
]
HEAD = "schema: stagehold/waivers/v1\nwaivers:\n"
GOOD = """\
  - id: W-2026-012
    check: NET-001
    case: "edge, 9100"
    observed: "open: 10.0.0.1 port 9100"
    reason: The sidecar lands next week.
    risk: low
    owner: team-network
    author: Ada Berg
    approved_by: Jon Holm
    ticket: https://tracker.example/OPS-9
    created: 2026-11-20
    expires: 2026-12-01T00:00:00Z
"""


def read(folder: Path, text: str) -> LoadedWaivers:
    (folder / FILE_NAME).write_text(text, encoding="utf-8")
    return read_waivers(folder, SPECS, NOW)


def faults(folder: Path, text: str) -> tuple[FileError, ...]:
    with pytest.raises(ConfigErrors) as caught:
        read(folder, text)
    return caught.value.errors


def test_a_good_file_is_read(tmp_path: Path) -> None:
    """With where each waiver stands, and a digest of the file for the verdict."""
    loaded = read(tmp_path, HEAD + GOOD)

    (waiver,) = loaded.waivers
    assert waiver.location == "waivers.yaml:3"
    assert (waiver.id, waiver.check, waiver.case, waiver.risk) == ("W-2026-012", "NET-001", "edge, 9100", Risk.LOW)
    assert (waiver.created, waiver.expires) == ("2026-11-20T00:00:00Z", "2026-12-01T00:00:00Z")
    assert loaded.digest.startswith("sha256:")


def test_no_file_is_no_waiver(tmp_path: Path) -> None:
    """The usual case; a link that leads nowhere is a file that cannot be read, and not none."""
    assert read_waivers(tmp_path, SPECS, NOW) == LoadedWaivers()

    (tmp_path / FILE_NAME).symlink_to(tmp_path / "gone.yaml")
    with pytest.raises(ConfigErrors):
        read_waivers(tmp_path, SPECS, NOW)


def test_an_empty_list_is_allowed(tmp_path: Path) -> None:
    """A team may keep the file without a waiver in it."""
    assert read(tmp_path, HEAD.replace("waivers:\n", "waivers: []\n")).waivers == ()


def without(key: str) -> str:
    return HEAD + "".join(
        line for line in GOOD.splitlines(keepends=True) if not line.lstrip(" -").startswith(f"{key}:")
    )


def changed(key: str, value: str) -> str:
    lines = GOOD.splitlines()
    at = next(number for number, line in enumerate(lines) if line.lstrip(" -").startswith(f"{key}:"))
    lines[at] = f"{lines[at][: lines[at].index(key)]}{key}: {value}"
    return HEAD + "\n".join(lines) + "\n"


def added(line: str) -> str:
    return HEAD + GOOD + f"    {line}\n"


NEEDED = {name for name, field in WaiverEntry.model_fields.items() if field.is_required()}
WRONG: dict[str, tuple[str, tuple[int, int], str]] = {
    "unknown check": (changed("check", "NET-003"), (4, 12), "there is no check `NET-003`"),
    "misspelt check": (changed("check", "NTE-001"), (4, 12), "there is no check `NTE-001`"),
    "every check": (changed("check", '"*"'), (4, 12), "names more than one check"),
    "a suite of checks": (changed("check", "NET-*"), (4, 12), "names more than one check"),
    "a list of checks": (changed("check", "[NET-001, NET-002]"), (4, 12), ""),
    "lifetime above low": (changed("expires", "2027-02-19T00:00:00Z"), (14, 14), "at most 90 days"),
    "lifetime above high": (changed("risk", "high"), (14, 14), "at most 7 days"),
    "expires before it begins": (changed("expires", "2026-11-19T00:00:00Z"), (14, 14), "does not come after"),
    "expiry without Z": (changed("expires", "2026-12-01T00:00:00"), (14, 14), "is no moment in UTC"),
    "expiry with an offset": (changed("expires", '"2026-12-01T00:00:00+01:00"'), (14, 14), "is no moment in UTC"),
    "expiry without a time": (changed("expires", "2026-12-01"), (14, 14), "is no moment in UTC"),
    "no day of the calendar": (changed("expires", "2026-11-31T00:00:00Z"), (14, 14), "no moment of the calendar"),
    "never": (changed("expires", "never"), (14, 14), "is no moment in UTC"),
    "created tomorrow": (changed("created", "2026-11-24"), (13, 14), "lies in the future"),
    "unknown risk": (changed("risk", "none"), (8, 11), ""),
    "author approves": (changed("approved_by", "ada berg"), (11, 18), "somebody else must approve"),
    "no words": (changed("reason", '" "'), (7, 13), "is empty"),
    "any failure": (changed("observed", '"*"'), (6, 15), "a waiver accepts one exact deviation"),
    "any case": (changed("case", '"*"'), (5, 11), "wildcards are not known"),
    "an id with a space": (changed("id", '"W 1"'), (3, 9), ""),
    "never waivable": (changed("check", "FUN-001"), (4, 12), "can never be waived"),
    "unknown key": (added("until: 2027-01-01"), (15, 5), "until"),
    "a release pattern": (added('releases: ["2026.11.*"]'), (15, 5), "releases"),
    "another schema": (HEAD.replace("v1", "v2") + GOOD, (1, 9), ""),
    "not a list": ("schema: stagehold/waivers/v1\nwaivers: all\n", (2, 10), ""),
    "a key twice": (added("owner: somebody"), (15, 5), "owner"),
    "an alias": (changed("owner", "*team"), (9, 12), ""),
    "broken YAML": (HEAD + GOOD + "   - [\n", (15, 4), ""),
    **{
        f"missing {key}": (without(key), (3, 5), key)
        for key in sorted(NEEDED - {"id"})
    },
}  # fmt: skip


@pytest.mark.parametrize(("text", "place", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, place: tuple[int, int], words: str) -> None:
    """The file, the line and the column, counted from 1, and what is wrong there; nothing is accepted."""
    errors = faults(tmp_path, text)

    assert {error.file for error in errors} == {FILE_NAME}
    assert place in {(error.line, error.column) for error in errors}
    assert words in "\n".join(map(str, errors))


def test_a_blocker_of_access_control_is_refused_without_two_approvers(tmp_path: Path) -> None:
    """Both things it lacks are told at once."""
    told = "\n".join(map(str, faults(tmp_path, changed("check", "ACC-001"))))

    assert "its risk is high" in told
    assert "it needs a second approver" in told


def test_a_second_waiver_of_the_same_failure_or_name_is_refused(tmp_path: Path) -> None:
    """Two of a kind would outlive each other, or be counted as one."""
    twice = HEAD + GOOD + GOOD.replace("W-2026-012", "W-2026-013").replace('port 9100"', '  port 9100"')
    assert [error.message for error in faults(tmp_path, twice)] == ["another waiver accepts the same failure"] * 2

    named = HEAD + GOOD + GOOD.replace("9100", "9200")
    assert [error.message for error in faults(tmp_path, named)] == ["`W-2026-012` is given twice"] * 2


def test_everything_is_told_at_once(tmp_path: Path) -> None:
    """A person corrects the file once, and not once for each error; a wrong waiver spoils the others."""
    text = changed("check", "NET-003") + GOOD.replace("W-2026-012", "W-2").replace("Jon Holm", "Ada Berg")

    assert len(faults(tmp_path, text)) == 2


def test_a_filled_in_draft_is_a_waiver(tmp_path: Path) -> None:
    """What a blocked run leaves as a draft is accepted when its empty places are filled in, and not before."""
    verdict = judge([failed(observed='open: "9100"\nand 9200 ä')])
    draft = render_drafts(verdict.checks, "2026-11-23")
    told = "\n".join(map(str, faults(tmp_path, draft)))
    for key in ("id", "reason", "risk", "owner", "author", "approved_by", "ticket", "expires"):
        assert f"waivers[0].{key}" in told

    document = yaml.safe_load(draft)
    fills = {
        "id": "W-1", "reason": "Soon.", "risk": "low", "owner": "network", "author": "Ada", "approved_by": "Jon",
        "ticket": "OPS-1", "expires": "2026-12-01T00:00:00Z",
    }  # fmt: skip
    for key, value in fills.items():
        draft = draft.replace(f'{key}: ""', f"{key}: {value}")
    (waiver,) = read(tmp_path, draft).waivers

    assert waiver.observed == document["waivers"][0]["observed"] == 'open: "9100" and 9200 ä'
    assert judge([failed(observed='open: "9100"\nand 9200 ä')], waiver, now=NOW).valid_until == "2026-12-01T00:00:00Z"
