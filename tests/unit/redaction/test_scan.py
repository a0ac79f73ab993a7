"""The blocking search finds a secret however it is packed, names it, and blocks on what it cannot read."""

from __future__ import annotations

import base64
import gzip
import io
import os
import random
import re
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagehold.redaction import decode, unpack
from stagehold.redaction import scan as module
from stagehold.redaction.registry import SecretRegistry
from stagehold.redaction.scan import Leak, Searched, scan_tree
from tests.unit.redaction.packing import (
    OF_TEXT,
    OFTEN_ESCAPED,
    PACKINGS,
    UNALIGNED,
    chunk,
    picture,
    tarred,
    wrapped,
    zipped,
)

SECRET = "Tr0ub4dor&3 horse"
NAME = "accounts.anna.password"


@pytest.fixture
def secrets() -> SecretRegistry:
    registry = SecretRegistry()
    registry.add(NAME, SECRET)
    return registry


def shown(searched: Searched) -> str:
    return "\n".join([*map(str, searched.leaks), *searched.unreadable])


@pytest.mark.parametrize("pack", PACKINGS.values(), ids=PACKINGS)
def test_a_secret_is_found_however_it_is_packed(
    tmp_path: Path, secrets: SecretRegistry, pack: Callable[[bytes], bytes]
) -> None:
    """Name, file and place are told, the value is not; the same packing of something else is clean."""
    (tmp_path / "told.bin").write_bytes(pack(f"user=anna&pass={SECRET};".encode()))
    (tmp_path / "other.bin").write_bytes(pack(b"user=anna&pass=something else;"))

    searched = scan_tree(tmp_path, secrets)

    assert {(leak.file, leak.secret) for leak in searched.leaks} == {("told.bin", NAME)}
    assert searched.unreadable == ()
    assert searched.files == 2
    assert SECRET not in shown(searched)


@settings(max_examples=25, deadline=None)
@given(layers=st.lists(st.sampled_from(sorted(set(PACKINGS) - UNALIGNED - OFTEN_ESCAPED)), max_size=3))
def test_layers_of_packing_hide_nothing(layers: list[str]) -> None:
    """Packings inside one another are taken off one by one, in whatever order they were put on."""
    registry = SecretRegistry()
    registry.add(NAME, SECRET)
    data = f"user=anna&pass={SECRET};".encode()
    for layer in layers:
        # Text carries bytes in base64.
        text = data.isascii() and b"\0" not in data
        data = PACKINGS[layer](data if text or layer not in OF_TEXT else base64.b64encode(data))

    try:
        found = {leak.secret for leak in module._in_bytes(data, registry, "f")}
    except unpack.Unreadable:
        # Base64 that escapes cut into pieces may look like a damaged archive, which blocks as well.
        assert OF_TEXT & set(layers)
    else:
        assert NAME in found


def test_the_place_is_told(tmp_path: Path, secrets: SecretRegistry) -> None:
    """A person finds who wrote it: the file, the offset of the first, and through which layers."""
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "plain.txt").write_text(f"twice: {SECRET} {SECRET}")
    (tmp_path / "evidence" / "trace.zip").write_bytes(zipped(wrapped(SECRET.encode()), "a/b.json"))

    first, second = scan_tree(tmp_path, secrets).leaks

    assert str(first) == f"{NAME} in evidence/plain.txt at byte 7"
    assert second.file == "evidence/trace.zip"
    assert second.where.startswith("in a/b.json, unpacked, in member, in trace.network, in base64, unpacked")


@pytest.mark.parametrize("pack", [zipped, gzip.compress], ids=["zip", "gzip"])
def test_an_archive_is_not_damaged_by_what_looks_like_an_escape(
    tmp_path: Path, secrets: SecretRegistry, pack: Callable[[bytes], bytes]
) -> None:
    r"""Compressed data hold `\"` and `%20` by chance: what is written out of them is searched and not unpacked."""
    noise = random.Random(3)
    for number in range(60):
        (tmp_path / f"{number}.bin").write_bytes(pack(noise.randbytes(3000)))

    assert scan_tree(tmp_path, secrets) == Searched((), (), 60, scan_tree(tmp_path, secrets).bytes)


def test_shapes_are_found_without_being_registered(tmp_path: Path) -> None:
    """A token that nobody announced blocks by what it looks like."""
    (tmp_path / "har.json").write_bytes(base64.b64encode(b"Authorization: Bearer Zq81mVnX0pLr5TgK2bWd " * 3))

    (leak,) = scan_tree(tmp_path, SecretRegistry()).leaks

    assert leak == Leak("har.json", 22, "a bearer token", "in base64")


@pytest.mark.parametrize(
    "place",
    [
        lambda folder: (folder / f"x.{SECRET}").write_text("harmless"),
        lambda folder: (folder / SECRET).mkdir() or (folder / SECRET / "x").write_text("harmless"),
        lambda folder: (folder / "a.zip").write_bytes(zipped(b"harmless", SECRET)),
        lambda folder: (folder / "a.zip").write_bytes(zipped(SECRET.encode(), f"{SECRET}.txt")),
        lambda folder: (folder / "a.tar").write_bytes(tarred(gzip.compress(SECRET.encode()), f"{SECRET}.txt")),
    ],
    ids=["suffix", "folder", "member", "member and content", "tar member"],
)
def test_a_secret_in_a_name_is_found_and_not_spread(
    tmp_path: Path, secrets: SecretRegistry, place: Callable[[Path], object]
) -> None:
    """Whoever reads the message must not learn it from the name of the file that is named."""
    place(tmp_path)

    searched = scan_tree(tmp_path, secrets)

    assert {leak.secret for leak in searched.leaks} == {NAME}
    assert SECRET not in shown(searched)


def _encrypted() -> bytes:
    """A zip archive whose member says that it is encrypted."""
    data = bytearray(zipped(b"secret"))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


UNREADABLE: dict[str, tuple[bytes, str]] = {
    "7z": (b"7z\xbc\xaf\x27\x1c" + b"x" * 40, "is a 7z archive, which cannot be looked into"),
    "rar": (b"Rar!\x1a\x07\x01\x00", "is a RAR archive"),
    "zstd": (b"\x28\xb5\x2f\xfd" + b"x" * 20, "is Zstandard data"),
    "encrypted zip": (_encrypted(), "is a zip archive that cannot be read"),
    "torn zip": (zipped(b"x" * 9000)[:-40], "is a zip archive that cannot be read"),
    "torn gzip": (gzip.compress(os.urandom(9000))[:-200], "is compressed and damaged"),
    "gzip with a tail": (gzip.compress(b"x") + b"tail", "is compressed and damaged"),
    "torn tar": (tarred(b"x" * 9000)[:2000], "is a tar archive that cannot be read"),
}


@pytest.mark.parametrize(("data", "why"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_looked_into_is_named(tmp_path: Path, secrets: SecretRegistry, data: bytes, why: str) -> None:
    """It may hold a secret, so the caller must block; the same inside base64."""
    (tmp_path / "a.bin").write_bytes(data)
    (tmp_path / "b.txt").write_bytes(base64.b64encode(data + b"\0" * 30))

    searched = scan_tree(tmp_path, secrets)

    assert searched.leaks == ()
    assert searched.unreadable[0].startswith(f"a.bin {why}")


def bomb(layers: int, size: int = 1 << 20) -> bytes:
    data = b"\0" * size
    for _ in range(layers):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(8):
                archive.writestr(str(number), data)
        data = stream.getvalue()
    return data


def nested(times: int) -> bytes:
    data = SECRET.encode()
    for _ in range(times):
        data = gzip.compress(data)
    return data


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (gzip.compress(b"\0" * (9 << 20)), "unpacks to more than may be searched"),
        (bomb(4), "unpacks to more than may be searched"),
        (b"#!\n" + bomb(2, 2 << 20), "unpacks to more than may be searched"),
        (picture(chunk(b"zTXt", b"a\0\0" + zlib.compress(b"\0" * (9 << 20)))), "unpacks to more"),
        (nested(12), "is packed too many times over"),
        (zipped(b"x"), ""),
    ],
    ids=["gzip", "zips in zips", "behind a script", "picture", "too deep", "none"],
)
def test_bombs_end_the_search_of_a_file_and_block(
    tmp_path: Path, secrets: SecretRegistry, monkeypatch: pytest.MonkeyPatch, data: bytes, why: str
) -> None:
    """Neither size nor depth of what unpacks is without a limit; reaching it is named, not passed over."""
    monkeypatch.setattr(module, "MOST_BYTES", 8 << 20)
    (tmp_path / "a.bin").write_bytes(data)
    begin = time.monotonic()

    searched = scan_tree(tmp_path, secrets)

    assert [line for line in searched.unreadable if why in line] == list(searched.unreadable)
    assert bool(searched.unreadable) is bool(why)
    assert time.monotonic() - begin < 10


def test_a_picture_of_nul_bytes_takes_no_time(tmp_path: Path, secrets: SecretRegistry) -> None:
    """A hostile target's picture must not keep the search busy: its text is tried from five places, not a million."""
    (tmp_path / "a.png").write_bytes(picture(chunk(b"zTXt", b"\0" * (1 << 20))))
    begin = time.monotonic()

    assert scan_tree(tmp_path, secrets).unreadable == ()
    assert time.monotonic() - begin < 5


def test_too_many_parts_and_members_are_named(
    tmp_path: Path, secrets: SecretRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number of members of an archive, and of compressed parts of a file, has a limit, too."""
    monkeypatch.setattr(unpack, "MOST_MEMBERS", 1)
    monkeypatch.setattr(unpack, "MOST_STREAMS", 2)
    (tmp_path / "a.bin").write_bytes(b"x" + b"\x1f\x8b\x08" * 5)
    (tmp_path / "b.zip").write_bytes(bomb(1, 10))

    first, second = scan_tree(tmp_path, secrets).unreadable

    assert first == "a.bin holds more than 2 compressed parts"
    assert second == "b.zip holds more than 1 members"


def test_a_file_larger_than_the_limit_is_named(
    tmp_path: Path, secrets: SecretRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a search is none."""
    monkeypatch.setattr(module, "MOST_BYTES", 1 << 20)
    (tmp_path / "a.bin").write_bytes(b"x" * ((1 << 20) + 1))
    (tmp_path / "b.bin").write_bytes(b"x" * (1 << 20))

    assert scan_tree(tmp_path, secrets).unreadable == ("a.bin is larger than 1 MiB",)


def test_links_pipes_and_dangling_names_are_named(tmp_path: Path, secrets: SecretRegistry) -> None:
    """What is no file could lead anywhere: an upload may follow it where the search did not."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a").write_text(SECRET)
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "file").symlink_to(outside / "a")
    (tree / "folder").symlink_to(outside)
    (tree / "nowhere").symlink_to(tmp_path / "missing")
    os.mkfifo(tree / "pipe")

    searched = scan_tree(tree, secrets)

    assert searched.unreadable == tuple(f"{name} is no regular file" for name in ("file", "folder", "nowhere", "pipe"))


def test_the_folder_may_be_reached_through_a_link(tmp_path: Path, secrets: SecretRegistry) -> None:
    """`reports/latest` is a link; what it leads to is searched all the same."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "a").write_text(SECRET)
    (tmp_path / "latest").symlink_to("run")

    assert [leak.file for leak in scan_tree(tmp_path / "latest", secrets).leaks] == ["a"]


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(5, "Input/output error")])
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, secrets: SecretRegistry, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    """Somebody else's file, a broken disk: named with the system's reason, and the others are searched."""
    (tmp_path / "a").write_text("x")
    (tmp_path / "b").write_text(SECRET)
    real = Path.open

    def refuse(path: Path, *arguments: str) -> object:
        if path.name == "a":
            raise error
        return real(path, *arguments)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refuse)

    searched = scan_tree(tmp_path, secrets)

    assert searched.unreadable == (f"a cannot be read: {error.strerror}",)
    assert [leak.file for leak in searched.leaks] == ["b"]


@pytest.mark.parametrize(
    "error", [RuntimeError(SECRET), MemoryError(), RecursionError(), KeyError(SECRET), TypeError()]
)
def test_a_search_that_crashes_is_named_and_goes_on(
    tmp_path: Path, secrets: SecretRegistry, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Whatever goes wrong inside the search of a file, the file counts as not searched, and the others are."""
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "b").write_text(SECRET)
    real = decode.embedded

    def crash(data: bytes, budget: unpack.Budget, *, packed: bool) -> object:
        if data == b"x":
            raise error
        return real(data, budget, packed=packed)

    monkeypatch.setattr(module, "embedded", crash)

    searched = scan_tree(tmp_path, secrets)

    assert [leak.file for leak in searched.leaks] == ["b"]
    assert [line.split()[0] for line in searched.unreadable] == ["a"]
    assert SECRET not in shown(searched)


def test_what_was_found_before_a_search_ended_still_counts(tmp_path: Path, secrets: SecretRegistry) -> None:
    """A damaged archive with the secret in its readable part is a leak, and that there may be more is said."""
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"x")[:-3] + SECRET.encode())

    searched = scan_tree(tmp_path, secrets)

    assert {leak.secret for leak in searched.leaks if leak.secret == NAME} == {NAME}
    assert any("possibly more" in leak.secret for leak in searched.leaks)


def test_words_of_a_tool_are_not_repeated_when_they_hold_the_secret(tmp_path: Path, secrets: SecretRegistry) -> None:
    """An error of the archive's reader quotes a member's name; the message must not."""
    data = bytearray(zipped(b"harmless", SECRET))
    data[30] ^= 1  # the name in the local header differs from the one in the directory
    (tmp_path / "a.zip").write_bytes(data)

    assert SECRET not in shown(scan_tree(tmp_path, secrets))


def test_names_that_are_no_text_can_be_shown(tmp_path: Path, secrets: SecretRegistry) -> None:
    """A report in UTF-8 must be able to carry the message, and a terminal to show it."""
    (tmp_path / os.fsdecode(b"\xff\x1b[31m")).write_bytes(b"7z\xbc\xaf\x27\x1c")

    (line,) = scan_tree(tmp_path, secrets).unreadable

    assert line.startswith("\\xff\\x1b[31m is a 7z archive")
    assert re.fullmatch(r"[ -~]+", line)


def test_only_the_named_entries_of_the_folder_itself_are_left_out(tmp_path: Path, secrets: SecretRegistry) -> None:
    """`quarantine/` of a run is not published; a folder of that name further down is."""
    for folder in ("quarantine", "evidence/quarantine"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a").write_text(SECRET)

    assert [leak.file for leak in scan_tree(tmp_path, secrets, exclude=("quarantine",)).leaks] == [
        "evidence/quarantine/a"
    ]
