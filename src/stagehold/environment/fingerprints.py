"""What `deny.production` knows production by: its lists, with the files they refer to read."""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path

from stagehold.environment.model import Environment
from stagehold.errors import ConfigError

KINDS = ("database_ids", "mail_domains", "issuers", "secret_fingerprints")
"""Fields of `deny.production` and of `evidence.environment[]` alike."""
FILE = "file:"
MAX_BYTES = 1 << 20
_ALGORITHM = re.compile(r"^(sha-?(1|224|256|384|512)|md5|blake2[bs]?|hmac-sha-?(256|512))[:/=]", re.IGNORECASE)
_HEXADECIMAL = re.compile(r"[0-9a-f]+", re.IGNORECASE)
_SHORTEST = 16
"""Bytes of a hash; anything shorter could be a word."""


def file_references(environment: Environment) -> tuple[tuple[str, str], ...]:
    """Every `file:PATH` in these lists, with the key it stands in."""
    return tuple(
        (value, f"deny.production.{kind}")
        for kind in KINDS
        for value in getattr(environment.deny.production, kind)
        if value.startswith(FILE)
    )


def production_values(environment: Environment, folder: Path) -> dict[str, tuple[str, ...]]:
    """Kind to what production is known by; a kind that is not declared has no entry.

    A file holds one value on each line; empty lines and lines that begin with `#` are none.

    Raises:
        ConfigError: a file cannot be read, or holds no value.
    """
    found: dict[str, tuple[str, ...]] = {}
    for kind in KINDS:
        values: list[str] = []
        for value in getattr(environment.deny.production, kind):
            values += _lines(value, folder, kind) if value.startswith(FILE) else [value]
        if values:
            found[kind] = tuple(dict.fromkeys(values))
    return found


def hash_of(text: str) -> bytes | None:
    """The bytes of a hash in hexadecimal digits (colons allowed) or base64, whatever algorithm is named in front.

    None for a text that is no hash of at least 128 bits.
    """
    bare = _ALGORITHM.sub("", text.strip())
    digits = bare.replace(":", "")
    found = b""
    if _HEXADECIMAL.fullmatch(digits) and len(digits) % 2 == 0:
        found = bytes.fromhex(digits)
    else:
        try:
            padded = bare.rstrip("=").replace("-", "+").replace("_", "/")
            found = base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True)
        except (ValueError, binascii.Error):
            return None
        if len(found) not in {16, 20, 28, 32, 48, 64}:
            return None  # a sentence may be base64 as well
    return found if len(found) >= _SHORTEST else None


def _lines(reference: str, folder: Path, kind: str) -> list[str]:
    name = reference.removeprefix(FILE)
    wanted = f"(needed by deny.production.{kind})"
    try:
        with (folder / name).open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{reference} is not UTF-8 text {wanted}") from error
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "not a usable path"
        raise ConfigError(
            f"{reference} cannot be read {wanted}: {why}", remedy=f"It is looked for in {folder}."
        ) from error
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{reference} is larger than {MAX_BYTES >> 20} MiB {wanted}")
    found = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    if not found:
        raise ConfigError(f"{reference} holds no value {wanted}", remedy="One value on each line.")
    return found
