"""Secrets are taken out of whatever is written, and what is not secret stays as it was."""

from __future__ import annotations

import base64
import gzip
import io
import json
import logging
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagehold.redaction import hooks
from stagehold.redaction import redactor as module
from stagehold.redaction.redactor import Redactor
from stagehold.redaction.registry import SecretRegistry
from stagehold.redaction.scan import scan_tree
from tests.unit.redaction.packing import chunk, picture, zipped
from tests.unit.redaction.test_forms import WRITERS

SECRET = 'Tr0ub4dor&3 "horse" 100%\'s'
TOKEN = "Zq81mVnX0pLr5TgK2bWd"
MARK = "[redacted:anna]"


@pytest.fixture
def secrets() -> SecretRegistry:
    registry = SecretRegistry()
    registry.add("anna", SECRET)
    return registry


@pytest.fixture
def redactor(secrets: SecretRegistry) -> Redactor:
    return Redactor(secrets)


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_placeholder_stands_where_the_secret_stood(redactor: Redactor, write: Callable[[str], str]) -> None:
    """However a program wrote it."""
    shown = redactor.text(f"before {write(SECRET)} after")

    assert MARK in shown
    assert "Tr0ub4dor" not in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")


@settings(max_examples=60)
@given(text=st.text(max_size=200))
def test_other_text_is_left_alone(text: str) -> None:
    """Half characters included, which a JSON answer may hold."""
    registry = SecretRegistry()
    registry.add("anna", SECRET)

    assert Redactor(registry).text(text) == text


def test_the_longest_form_goes_first(secrets: SecretRegistry) -> None:
    """A secret that holds another one leaves nothing of itself."""
    secrets.add("long", f"{SECRET}-and-more")

    assert Redactor(secrets).text(f"{SECRET}-and-more {SECRET}") == "[redacted:long] [redacted:anna]"


def test_shapes_that_overlap_go_as_one(redactor: Redactor) -> None:
    """A bearer token inside a cookie: no rest of either stays, and the search that follows finds nothing."""
    shown = redactor.text(f"Set-Cookie: auth=Bearer%20{TOKEN}xyz; Path=/\nAuthorization: Bearer {TOKEN}")

    assert TOKEN not in shown
    assert shown == (
        "Set-Cookie: auth=[redacted:a-cookie-that-was-set]; Path=/\nAuthorization: Bearer [redacted:a-bearer-token]"
    )


def test_trees_are_redacted_to_the_leaves(redactor: Redactor) -> None:
    """Keys, too; numbers stay numbers."""
    assert redactor.value({"a": [SECRET, {SECRET: (1, None, True)}]}) == {"a": [MARK, {MARK: [1, None, True]}]}


def test_a_secret_that_is_learned_later_counts(secrets: SecretRegistry, redactor: Redactor) -> None:
    """A token that a login gave in the middle of a run."""
    assert redactor.text(TOKEN) == TOKEN

    secrets.add("token", TOKEN)

    assert redactor.text(TOKEN) == "[redacted:token]"


def test_an_archive_is_packed_again_without_it(redactor: Redactor) -> None:
    """Members, their names, archives among them, JSON line by line with its credentials; it can still be opened."""
    lines = [
        json.dumps({"headers": [{"name": "Cookie", "value": "theme=dark"}], "body": SECRET}),
        json.dumps({"Authorization": "Basic YTpi", "x": 1}),
        "no JSON " + SECRET,
    ]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("trace.network", "\n".join(lines))
        archive.writestr(f"{SECRET}.txt", "x")
        archive.writestr("inner.zip", zipped(gzip.compress(SECRET.encode())))
        archive.writestr("font.bin", bytes(range(256)))

    with zipfile.ZipFile(io.BytesIO(redactor.data(stream.getvalue()))) as archive:
        first, second, third = archive.read("trace.network").decode().split("\n")
        assert json.loads(first) == {"headers": [{"name": "Cookie", "value": "[redacted]"}], "body": MARK}
        assert json.loads(second) == {"Authorization": "[redacted]", "x": 1}
        assert third == f"no JSON {MARK}"
        assert f"{MARK}.txt" in archive.namelist()
        assert archive.read("font.bin") == bytes(range(256))
        with zipfile.ZipFile(io.BytesIO(archive.read("inner.zip"))) as inner:
            assert gzip.decompress(inner.read(inner.namelist()[0])) == MARK.encode()


def test_a_picture_loses_its_texts_and_nothing_else(redactor: Redactor) -> None:
    """Nobody sees them, and anything may stand there."""
    before = picture(chunk(b"tEXt", b"Title\0x"), chunk(b"IDAT", b"pixels"), chunk(b"eXIf", b"camera"))

    assert redactor.data(before) == picture(chunk(b"IDAT", b"pixels"))


@pytest.mark.parametrize(
    "data",
    [zipped(b"x" * 9000)[:-40], gzip.compress(b"x" * 9000)[:-20], b"PK\x03\x04nothing"],
    ids=["torn zip", "torn gzip", "no zip"],
)
def test_what_cannot_be_looked_into_is_not_evidence(redactor: Redactor, data: bytes) -> None:
    """The check that attaches it becomes inconclusive instead."""
    with pytest.raises(OSError, match="cannot be redacted"):
        redactor.data(data)


def test_bombs_are_refused(redactor: Redactor, monkeypatch: pytest.MonkeyPatch) -> None:
    """One limit for all layers together: archives of archives have no limit each."""
    monkeypatch.setattr(module, "MOST_UNPACKED", 1 << 20)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(8):
            archive.writestr(str(number), zipped(b"\0" * (200 << 10)))

    with pytest.raises(OSError, match="unpacks to more"):
        redactor.data(stream.getvalue())
    with pytest.raises(OSError, match="unpacks to more"):
        redactor.data(gzip.compress(b"\0" * (2 << 20)))


def test_files_are_rewritten_only_where_they_hold_one(redactor: Redactor, tmp_path: Path) -> None:
    """A log that a crash wrote below the plug-in."""
    (tmp_path / "a.log").write_text(f"told {SECRET}")
    (tmp_path / "b.log").write_text("nothing")
    (tmp_path / "b.log").chmod(0o400)
    before = (tmp_path / "b.log").stat().st_mtime_ns

    redactor.files(sorted(tmp_path.iterdir()))

    assert (tmp_path / "a.log").read_text() == f"told {MARK}"
    assert (tmp_path / "b.log").stat().st_mtime_ns == before


def test_with_the_masks_off_the_search_finds_what_is_left(secrets: SecretRegistry, tmp_path: Path) -> None:
    """The switch that tests of the last layer use lets everything through, and nothing but a test can use it."""
    loose = Redactor(secrets, masks=False)
    (tmp_path / "a").write_bytes(loose.data(zipped(SECRET.encode())))
    (tmp_path / "b").write_text(loose.text(SECRET) + str(loose.value([SECRET])))

    assert [leak.file for leak in scan_tree(tmp_path, secrets).leaks] == ["a", "b"]


def test_what_is_redacted_is_clean_to_the_search(secrets: SecretRegistry, redactor: Redactor, tmp_path: Path) -> None:
    """The two layers agree about what a secret is: what passed the first does not block at the second."""
    text = "\n".join(write(SECRET) for write in WRITERS.values())
    key = base64.b64encode(bytes(48)).decode()
    text += f"\nSet-Cookie: sid={TOKEN}\nBearer {TOKEN}\n-----BEGIN PRIVATE KEY-----\n{key}"
    (tmp_path / "a.txt").write_text(redactor.text(text))
    (tmp_path / "a.zip").write_bytes(redactor.data(zipped(text.encode())))

    assert scan_tree(tmp_path, secrets).leaks == ()


@pytest.fixture
def installed(redactor: Redactor) -> Iterator[None]:
    """The hooks in this process, and Python's own afterwards."""
    before = (logging.getLogRecordFactory(), sys.excepthook, threading.excepthook, sys.unraisablehook)
    logging.setLogRecordFactory(logging.LogRecord)
    hooks.install(redactor)
    hooks.install(redactor)
    yield
    logging.setLogRecordFactory(before[0])
    sys.excepthook, threading.excepthook, sys.unraisablehook = before[1:]


def raised() -> ValueError:
    try:
        int(SECRET)
    except ValueError as error:
        return error
    raise AssertionError


@pytest.mark.usefixtures("installed")
def test_log_records_are_clean_for_every_handler() -> None:
    """Message, arguments and exception, whatever formats them; a message that cannot be made is a message still."""
    stream = io.StringIO()
    log = logging.getLogger("stagehold.test")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s %(args)s"))
    log.addHandler(handler)
    try:
        log.warning("told %s", SECRET)
        log.error("broke", exc_info=raised())
        log.error("not a number: %d", SECRET)
    finally:
        log.removeHandler(handler)

    assert stream.getvalue().count(MARK) >= 2
    assert "TypeError while the message was made" in stream.getvalue()
    assert "Tr0ub4dor" not in stream.getvalue()


@pytest.mark.usefixtures("installed")
def test_what_nobody_caught_is_clean(capsys: pytest.CaptureFixture[str]) -> None:
    """In the main thread, in another one, and where Python can only complain; a thread may leave in silence."""
    error = raised()
    sys.excepthook(ValueError, error, error.__traceback__)
    threading.excepthook(threading.ExceptHookArgs((ValueError, error, None, None)))
    threading.excepthook(threading.ExceptHookArgs((SystemExit, SystemExit(SECRET), None, None)))

    class Complaint:
        exc_type, exc_value, exc_traceback, err_msg, object = ValueError, error, None, None, SECRET

    sys.unraisablehook(Complaint())  # type: ignore[arg-type]

    told = capsys.readouterr().err
    assert told.count(MARK) == 3
    assert "SystemExit" not in told
    assert "Tr0ub4dor" not in told
