"""What the documentation shows is what the strangers are described by, and a reader takes it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stagehold.environment.model import Environment
from stagehold.environment.reader import read_environment

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/environment.md")
BLOCKS = [
    (page, number, text)
    for page in PAGES
    for number, text in enumerate(
        re.findall(r"```yaml\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    )
    if "environment: {" in text
]


def read(folder: Path, text: str) -> Environment:
    path = folder / "environment.yaml"
    path.write_text(text, encoding="utf-8")
    return read_environment(path).environment


@pytest.mark.parametrize(("page", "number", "text"), BLOCKS, ids=[f"{page}-{number}" for page, number, _ in BLOCKS])
def test_examples_are_descriptions(tmp_path: Path, page: str, number: int, text: str) -> None:
    """Every example that shows a whole description is read without an error."""
    assert read(tmp_path, text).targets


@pytest.mark.parametrize("name", ["notes", "items"])
def test_strangers_are_described_as_documented(tmp_path: Path, name: str) -> None:
    """The examples of the documentation are the very descriptions by which a sound stranger is let through."""
    text = (ROOT / "tests" / "strangers" / "environments" / f"{name}.yaml").read_text(encoding="utf-8")
    own = read(tmp_path, text.replace("ADDRESS", "127.0.0.1"))
    documented = [read(tmp_path, text) for page, _, text in BLOCKS if page == "docs/environment.md"]
    # Where the service is, and whose certificate it shows, differs.
    where = {"environment": own.environment, "targets": own.targets, "tls": own.tls}

    assert own in [example.model_copy(update=where) for example in documented]
