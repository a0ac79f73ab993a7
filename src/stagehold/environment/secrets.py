"""References to secrets, resolved late: `env:NAME` and `file:PATH`. No message ever holds a value."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from stagehold.environment.fingerprints import file_references
from stagehold.environment.model import Environment
from stagehold.errors import ConfigError
from stagehold.redaction.forms import why_not
from stagehold.redaction.registry import KNOWN, SecretRegistry
from stagehold.redaction.secret import Secret

MAX_BYTES = 64 << 10
MAX_FILE = 16 << 20
DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


def resolve(reference: str, folder: Path, *, needed_by: str = "") -> Secret:
    """The secret behind a reference; one line break at the end of a file is not part of it.

    Args:
        reference: `env:NAME`, or `file:PATH` with a path relative to `folder`.
        folder: where the environment's file lies.
        needed_by: who wants it, such as `account a_main`, for the message.

    Raises:
        ConfigError: the reference leads to nothing usable; names the reference, never a value.
    """
    return Secret(_value(reference, folder, needed_by))


def _value(reference: str, folder: Path, needed_by: str) -> str:
    kind, _, name = reference.partition(":")
    wanted = f" (needed by {needed_by})" if needed_by else ""
    if kind == "env" and name:
        value = os.environ.get(name)
        if value is None:
            raise ConfigError(f"{reference} is not set{wanted}", remedy=f"Set the environment variable {name}.")
    elif kind == "file" and name:
        value = _read(name, folder, wanted)
    else:
        # Whatever stands here instead may be the secret itself.
        raise ConfigError(f"a secret must be given as env:NAME or file:PATH{wanted}")
    if not value:
        raise ConfigError(f"{reference} is empty{wanted}", remedy="An empty secret proves nothing; fill it.")
    return value


def read_digest(reference: str, folder: Path, *, needed_by: str = "release.expected_digest") -> str:
    """A digest given literally (`sha256:…`) or by reference.

    Raises:
        ConfigError: the reference leads nowhere, or to something else than a SHA-256 digest.
    """
    if DIGEST.match(reference):
        return reference
    value = _value(reference, folder, needed_by).strip()
    if not DIGEST.match(value):
        raise ConfigError(
            f"{reference} holds no digest" + (f" (needed by {needed_by})" if needed_by else ""),
            remedy="It must be `sha256:` and 64 lower-case hexadecimal digits.",
        )
    return value


@dataclass(frozen=True, slots=True)
class Reference:
    """Something an environment refers to, and whether it is there now."""

    reference: str
    """`env:NAME` or `file:PATH`."""
    needed_by: str
    problem: str = ""
    """Why it cannot be used now; empty when it can."""
    warning: str = ""
    secret: bool = True


def referenced_variables(environment: Environment, *, secret: bool) -> tuple[str, ...]:
    """Names of the variables that the environment refers to for secrets, or for anything else; sorted."""
    found = {
        item.reference for item in declared(environment) if item.reference.startswith("env:") and item.secret is secret
    }
    return tuple(sorted(name.removeprefix("env:") for name in found))


def declared(environment: Environment) -> tuple[Reference, ...]:
    """Everything the environment refers to outside its own file; nothing is read."""
    found: list[Reference] = []
    digest = environment.release.expected_digest
    if digest is not None and not DIGEST.match(digest):
        found.append(Reference(digest, "release.expected_digest", secret=False))
    for name, vantage in environment.vantage.items():
        if vantage.agent.startswith("netns:"):
            file = vantage.agent.removeprefix("netns:")
            found.append(Reference(f"file:{file}", f"vantage {name}", secret=False))
        if vantage.ssh_config is not None:
            found.append(Reference(f"file:{vantage.ssh_config}", f"vantage {name}", secret=False))
    if environment.baselines.ports is not None:
        found.append(Reference(f"file:{environment.baselines.ports}", "baselines.ports", secret=False))
    if environment.evidence.firewall_tests is not None:
        file = environment.evidence.firewall_tests.file
        found.append(Reference(f"file:{file}", "evidence.firewall_tests", secret=False))
    if environment.tls.trust.ca_file is not None:
        found.append(Reference(f"file:{environment.tls.trust.ca_file}", "tls.trust.ca_file", secret=False))
    found += [Reference(a.password_ref, f"account {a.alias}") for a in environment.accounts]
    if environment.inventory is not None and (environment.inventory.openapi or "").startswith("file:"):
        found.append(Reference(str(environment.inventory.openapi), "inventory.openapi", secret=False))
    found += [Reference(file, key, secret=False) for file, key in file_references(environment)]
    return tuple(found)


def look_up(environment: Environment, folder: Path) -> tuple[Reference, ...]:
    """`declared`, with what keeps each reference from being used now. No value leaves this function."""
    found = []
    for item in declared(environment):
        problem = warning = ""
        try:
            if item.needed_by == "release.expected_digest":
                read_digest(item.reference, folder, needed_by="")
            elif item.secret:
                short = why_not(_value(item.reference, folder, ""))
                warning = f"{short}, so reports cannot be kept free of it" if short else ""
            else:
                _read(item.reference.removeprefix("file:"), folder, "", most=MAX_FILE)
        except ConfigError as error:
            problem = str(error).removeprefix(f"{item.reference} ")
        if item.secret and not problem and loose_permissions(item.reference, folder):
            warning = "; ".join(filter(None, ("every user of this machine can read it", warning)))
        found.append(Reference(item.reference, item.needed_by, problem, warning, item.secret))
    return tuple(found)


def register(environment: Environment, folder: Path, registry: SecretRegistry = KNOWN) -> tuple[str, ...]:
    """Let nothing show the secrets that the environment refers to, from now on.

    What cannot be read now was not read by anybody either.

    Returns:
        A warning for each secret that cannot be told from ordinary text.
    """
    accounts = {f"account {account.alias}": account for account in environment.accounts}
    warnings = []
    for item in declared(environment):
        if not item.secret:
            continue
        try:
            secret = resolve(item.reference, folder)
        except ConfigError:
            continue
        if account := accounts.get(item.needed_by):
            problem = registry.add_login(f"accounts.{account.alias}.password", account.user, secret)
        else:
            problem = registry.add(item.needed_by, secret)
        if problem:
            warnings.append(f"the secret of {item.needed_by} {problem}, so reports cannot be kept free of it")
    return tuple(warnings)


def require_references(environment: Environment, folder: Path) -> None:
    """Make sure, before any traffic, that nothing the environment refers to is missing.

    Raises:
        ConfigError: naming every reference that leads nowhere and who needs it.
    """
    missing = [item for item in look_up(environment, folder) if item.problem]
    if missing:
        lines = [f"{item.reference} {item.problem} (needed by {item.needed_by})" for item in missing]
        raise ConfigError(
            "\n".join(["the environment refers to what is not there:", *lines]),
            remedy=f"Files are looked for in {folder}. For the demo: stagehold demo --serve",
        )


def loose_permissions(reference: str, folder: Path) -> bool:
    """Whether the file behind a reference can be read by every user of this machine (CWE-732)."""
    kind, _, name = reference.partition(":")
    try:
        return kind == "file" and bool((folder / name).stat().st_mode & 0o004)
    except (OSError, ValueError):
        return False


def _read(name: str, folder: Path, wanted: str, *, most: int = MAX_BYTES) -> str:
    try:
        with (folder / name).open("rb") as stream:
            data = stream.read(most + 1)
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"file:{name} is not UTF-8 text{wanted}") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a usable path"
        raise ConfigError(
            f"file:{name} cannot be read{wanted}: {reason}", remedy=f"It is looked for in {folder}."
        ) from error
    if len(data) > most:
        raise ConfigError(f"file:{name} is larger than {most // 1024} KiB{wanted}")
    return text.removesuffix("\n").removesuffix("\r")
