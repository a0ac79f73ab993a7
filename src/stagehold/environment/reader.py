"""`environment.yaml` → `LoadedEnvironment`, or everything that is wrong with it at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from stagehold.documents.nodes import Document
from stagehold.documents.problems import ConfigErrors, FileError, near, without_doubles
from stagehold.documents.strict_yaml import read_document
from stagehold.documents.typed import read_model
from stagehold.environment.literals import literal_secrets
from stagehold.environment.matrix import AccessMatrix
from stagehold.environment.matrix_references import wrong_matrix
from stagehold.environment.model import Environment
from stagehold.environment.profile_file import wrong_profile
from stagehold.environment.references import wrong_references
from stagehold.errors import ConfigError
from stagehold.shipped import shipped
from stagehold.statement import Statement, read_statement

FILE_NAME = "environment.yaml"
UNUSED = "is not used by this version; remove it"
NOT_YET = (
    "attestations", "endpoints", "internal_domains", "logs",
    "mail_catcher", "mail_flows", "rpo", "rto", "sites",
)  # fmt: skip
"""Keys of later versions. Accepting them silently would look as if something were checked."""


@dataclass(frozen=True, slots=True)
class LoadedEnvironment:
    """An environment that is right in itself; nothing has been resolved, nothing sent."""

    environment: Environment
    path: Path
    folder: Path
    """What relative references are relative to."""
    digest: str
    """`sha256:` of the file's bytes, with those of the access matrix where that is a file of its own."""
    statement: Statement


def find_environment(argument: str, cwd: Path | None = None) -> Path:
    """The environment file that a command's ENV means.

    Args:
        argument: the name of a folder in `environments/` (of the working directory, then of stagehold), or
            the path of a file, or of a folder that holds `environment.yaml`.
        cwd: the working directory.

    Raises:
        ConfigError: there is none; with a near match when a name was misspelt.
    """
    here = cwd or Path.cwd()
    roots = [here / "environments", shipped("environments")]
    if argument and "/" not in argument and argument not in {".", ".."}:
        for root in roots:
            if _is_file(root / argument / FILE_NAME):
                return root / argument / FILE_NAME
    path = here / argument
    if argument and _is_file(path):
        return path
    if argument and _is_file(path / FILE_NAME):
        return path / FILE_NAME
    if argument and _is_folder(path):
        raise ConfigError(f"the folder {argument} holds no {FILE_NAME}")
    known = sorted({file.parent.name for root in roots for file in root.glob(f"*/{FILE_NAME}")})
    match = near(argument, known)
    raise ConfigError(
        f"there is no environment {argument!r}" + (f"; did you mean {match!r}?" if match else ""),
        remedy=f"Known by name: {', '.join(known)}. Or give the path of an environment file.",
    )


def read_environment(path: Path) -> LoadedEnvironment:
    """Read and check an environment file (or the folder that holds it) with its statement.

    Raises:
        ConfigErrors: with every error of the files, each with line and column; nothing else is raised.
    """
    file = path / FILE_NAME if _is_folder(path) else path
    document = read_document(file)
    folder = file.resolve().parent
    errors = list(literal_secrets(document))
    retired = dict.fromkeys(NOT_YET, UNUSED)
    environment, shape = read_model(document, Environment, retired=retired)
    errors += shape
    broken = {error.path.partition(".")[0].partition("[")[0] for error in errors}
    statement, wrong = (None, []) if "statement" in broken else _statement(document, folder)
    draft = environment or _without(document, broken)
    digest = document.digest
    if draft is not None and draft.access_matrix is not None and draft.access_matrix.file is not None:
        matrix, digest, elsewhere = _matrix(document, draft, folder, broken)
        wrong = [*wrong, *elsewhere]
        environment = environment and environment.model_copy(update={"access_matrix": matrix})
    if draft is not None:
        errors += wrong_references(document, draft, broken, statement)
        wrong = [*wrong, *wrong_profile(document, draft.tls.profile, folder)]
    if errors or wrong or environment is None or statement is None:
        unique = without_doubles(errors)
        raise ConfigErrors([*(document.finished(error) for error in unique), *wrong])
    return LoadedEnvironment(environment, file, folder, digest, statement)


def _matrix(
    document: Document, draft: Environment, folder: Path, broken: AbstractSet[str]
) -> tuple[AccessMatrix | None, str, list[FileError]]:
    """The access matrix of a file of its own, the digest of both files together, and what is wrong with it."""
    name = str(draft.access_matrix.file) if draft.access_matrix is not None else ""
    if not _is_file(folder / name):
        error = document.error(("access_matrix", "file"), "there is no such file", seen=name)
        return None, document.digest, [document.finished(error)]
    try:
        apart = read_document(folder / name)
    except ConfigErrors as error:
        return None, document.digest, list(error.errors)
    matrix, errors = read_model(apart, AccessMatrix)
    errors = [*literal_secrets(apart), *errors]
    if matrix is not None and matrix.file is not None:
        errors.append(apart.error(("file",), "leads on to another file", expected="the rows themselves"))
    elif matrix is not None:
        errors += wrong_matrix(apart, (), draft.model_copy(update={"access_matrix": matrix}), broken)
    digest = hashlib.sha256(f"{document.digest} {apart.digest}".encode()).hexdigest()
    return matrix, f"sha256:{digest}", [apart.finished(error) for error in without_doubles(errors)]


def _without(document: Document, broken: set[str]) -> Environment | None:
    """The sound sections alone, so that their references are judged together with the shape of the others."""
    if broken & {"environment", "targets", ""}:
        return None
    sound = document.plain()
    known: Callable[[str], bool] = set(sound).difference(broken).__contains__
    root = type(document.root)({k: v for k, v in document.root.entries.items() if known(k)}, document.root.place)
    partial = Document(document.file, document.digest, document.lines, root)
    environment, _ = read_model(partial, Environment)
    return environment


def _statement(document: Document, folder: Path) -> tuple[Statement | None, list[FileError]]:
    declared = document.plain().get("statement")
    path = folder / declared if isinstance(declared, str) else shipped("environments") / "statement.yaml"
    if isinstance(declared, str) and not _is_file(path):
        error = document.error(("statement",), "there is no such statement file", seen=declared)
        return None, [document.finished(error)]
    try:
        return read_statement(path), []
    except ConfigErrors as error:
        return None, list(error.errors)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False  # a name too long, a folder that may not be entered: there is nothing to read


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
