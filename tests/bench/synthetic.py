"""A run of a thousand results, and a tree as a run leaves it, made up and the same every time."""

from __future__ import annotations

import base64
import io
import json
import random
import struct
import zipfile
import zlib
from pathlib import Path

from stagehold.model import Outcome, Verdict
from stagehold.redaction.registry import SecretRegistry
from stagehold.redaction.unpack import PNG
from tests.unit.reporting.samples import many, with_evidence

SECRETS = 150
"""Passwords, tokens and cookies of a run with a dozen accounts."""
_WORDS = (Path(__file__).parents[2] / "docs" / "environment.md").read_text(encoding="utf-8").split()
_OUTCOMES = {0: Outcome.FAILED, 1: Outcome.INCONCLUSIVE, 2: Outcome.UNCOVERED}


def thousand_results(folder: Path) -> Verdict:
    """1,000 checks of seven suites with a table each; of every twenty, three did not pass."""
    return with_evidence(many(1000, lambda number: _OUTCOMES.get(number % 20, Outcome.PASSED)), folder)


def registry() -> SecretRegistry:
    """The secrets of such a run; none of them stands in the tree."""
    rng, known = random.Random(1), SecretRegistry()
    for number in range(SECRETS):
        known.add(f"secret-{number}", rng.randbytes(18).hex() if number % 3 else f'Pass&word {number} "{rng.random()}"')
    return known


def tree(folder: Path, megabytes: int) -> None:
    """Logs, JSON, pages with base64 in them, pictures and traces, by size as in a run with screenshots and Allure."""
    rng = random.Random(2)
    for number in range(megabytes):
        rest = rng.randrange(10)
        name, data = (
            (f"log-{number}.log", _text(rng))
            if rest < 2
            else (f"exchange-{number}.json", _json(rng))
            if rest < 5
            else (f"page-{number}.html", _page(rng))
            if rest < 8
            else (f"shot-{number}.png", _picture(rng))
            if rest < 9
            else (f"trace-{number}.zip", _trace(rng))
        )
        (folder / name).write_bytes(data)


_SIZE = 1 << 20


def _prose(rng: random.Random, size: int) -> str:
    return " ".join(rng.choices(_WORDS, k=size // 7))[:size]


def _text(rng: random.Random) -> bytes:
    lines = (
        f"2026-11-23T16:{n % 60:02d}:00Z suites/tls/test_{n}.py::test {_prose(rng, 80)}" for n in range(_SIZE // 130)
    )
    return "\n".join(lines).encode()


def _json(rng: random.Random) -> bytes:
    answer = {
        "request": {"method": "GET", "url": "https://app.example/api/invoices?page=[redacted]"},
        "response": {"status": 200, "headers": [{"name": "content-type", "value": "application/json"}]},
        "digest": rng.randbytes(32).hex(),
        "body": {"text": _prose(rng, 400), "quoted": '"it\'s" <b>\n'},
    }
    return json.dumps([answer | {"number": number} for number in range(_SIZE // 800)], indent=2).encode()


def _page(rng: random.Random) -> bytes:
    parts = []
    for number in range(_SIZE // 8000):
        result = json.dumps({"name": f"case {number}", "status": "passed", "description": _prose(rng, 5500)})
        parts.append(f'd("data/test-results/{number}.json","{base64.b64encode(result.encode()).decode()}")')
    return ("<html><script>" + ";\n".join(parts) + "</script></html>").encode()


def _picture(rng: random.Random) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    return PNG + chunk(b"IHDR", bytes(13)) + chunk(b"IDAT", rng.randbytes(_SIZE)) + chunk(b"IEND", b"")


def _trace(rng: random.Random) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("trace.network", _json(rng))
        archive.writestr("resources/shot.jpeg", rng.randbytes(_SIZE // 2))
    return stream.getvalue()
