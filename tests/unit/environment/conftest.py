"""Reads environments from text, as the tests of this folder want them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stagehold.documents.problems import ConfigErrors, FileError
from stagehold.environment.reader import LoadedEnvironment, read_environment

Reader = Callable[[str | bytes], LoadedEnvironment]
Faults = Callable[[str | bytes], tuple[FileError, ...]]


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    """Writes the text to a file and reads it."""

    def reader(text: str | bytes) -> LoadedEnvironment:
        path = tmp_path / "environment.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_environment(path)

    return reader


@pytest.fixture
def faults(read: Reader) -> Faults:
    """The errors of a text that must be refused."""

    def reader(text: str | bytes) -> tuple[FileError, ...]:
        with pytest.raises(ConfigErrors) as caught:
            read(text)
        assert caught.value.errors
        return caught.value.errors

    return reader
