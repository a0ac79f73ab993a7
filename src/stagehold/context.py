"""What the checks of a run share: the environment, the pinned network and the run's folder."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from stagehold.demo.served import locate
from stagehold.environment.model import Environment
from stagehold.environment.profile_file import profile_in_force
from stagehold.environment.reader import LoadedEnvironment, read_environment
from stagehold.errors import ConfigError
from stagehold.events import utc_now
from stagehold.gate.vantage import enter, require_inside
from stagehold.network.door import Network
from stagehold.tls_profile.reader import ProfileInForce

FILE_NAME = "context.json"
PINS = "pins.json"


@dataclass(frozen=True)
class LaneContext:
    """Shared by every check of a lane; frozen."""

    environment: Environment
    folder: Path
    """The environment file's folder; relative references resolve against it."""
    environment_file: Path
    network: Network
    run_folder: Path
    run_id: str
    profile: str
    suites: dict[str, Path]
    """Lane name to its folder of checks."""
    headed: bool = False
    trace: bool = False
    has_secrets: bool = True
    """Whether this lane was given the environment's secrets: only those whose checks sign in are."""
    started: float = field(default_factory=time.monotonic)
    """`time.monotonic()`, which all processes of a machine share, at which the run was ready to start its lanes."""
    gate_pid: int = 0
    """The process that started this lane and reads its outcome; the lane ends when that is gone."""

    @property
    def ca_file(self) -> Path | None:
        """The declared private CA, or None for the public store.

        Raises:
            ConfigError: it is declared and is not there.
        """
        declared = self.environment.tls.trust.ca_file
        if declared is None:
            return None
        path = self.folder / declared
        if not path.is_file():
            raise ConfigError(f"tls.trust.ca_file: there is no file {declared}", remedy="Put the CA's PEM there.")
        return path

    @property
    def tls_profile(self) -> ProfileInForce:
        """What TLS endpoints are judged by.

        Raises:
            ConfigErrors: its file is no longer the one that was pinned.
        """
        return profile_in_force(self.environment.tls.profile, self.folder)


def save_context(
    run_folder: Path,
    *,
    loaded: LoadedEnvironment,
    network: Network,
    run_id: str,
    profile: str,
    suites: dict[str, Path],
    release: str | None = None,
    headed: bool = False,
    trace: bool = False,
) -> None:
    """Write what the lanes of a run read instead of resolving or validating anything again."""
    network.dump(run_folder / PINS)
    document = {
        "environment_file": str(loaded.path),
        "environment_digest": loaded.digest,
        "run_id": run_id,
        "profile": profile,
        "suites": {name: str(path) for name, path in suites.items()},
        "release": release,
        "headed": headed,
        "trace": trace,
        "started": time.monotonic(),
        "gate_pid": os.getpid(),
    }
    (run_folder / FILE_NAME).write_text(json.dumps(document), encoding="utf-8")


def load_context(run_folder: Path) -> LaneContext:
    """What `save_context` wrote.

    Raises:
        ConfigError: the environment file changed since the run began.
    """
    document = json.loads((run_folder / FILE_NAME).read_text(encoding="utf-8"))
    loaded = read_environment(Path(document["environment_file"]))
    if loaded.digest != document["environment_digest"]:
        raise ConfigError(f"{loaded.path.name} changed while the run was going on", remedy="Run again.")
    require_inside(loaded.environment, loaded.folder)
    return LaneContext(
        environment=with_release(loaded.environment, document["release"]),
        folder=loaded.folder,
        environment_file=loaded.path,
        network=Network.load(run_folder / PINS, loaded.environment),
        run_folder=run_folder,
        run_id=document["run_id"],
        profile=document["profile"],
        suites={name: Path(path) for name, path in document["suites"].items()},
        headed=document["headed"],
        trace=document["trace"],
        started=document["started"],
        gate_pid=document["gate_pid"],
    )


def new_run_id() -> str:
    """UTC time to the second and four random hex digits, such as `20261123T160000Z-3fa9`."""
    stamp = utc_now().replace("-", "").replace(":", "").split(".")[0]
    return f"{stamp}Z-{os.urandom(2).hex()}"


def with_release(environment: Environment, digest: str | None) -> Environment:
    """The environment with the digest given on the command line as the one expected, if one was given."""
    if digest is None:
        return environment
    release = environment.release.model_copy(update={"expected_digest": digest})
    return environment.model_copy(update={"release": release})


def person_context(name: str, reports: Path = Path("reports")) -> LaneContext:
    """The context of `pytest suites/… --env NAME`: a folder below `reports/checks/`, no verdict."""
    from stagehold.catalogue.read import all_suites  # noqa: PLC0415 - it imports pytest, which lanes have anyway

    loaded = read_environment(locate(name))
    enter(loaded.environment, loaded.folder)
    run_id = new_run_id()
    folder = reports / "checks" / run_id
    folder.mkdir(parents=True)
    save_context(
        folder.resolve(),
        loaded=loaded,
        network=Network.build(loaded.environment),
        run_id=run_id,
        profile=loaded.environment.policy.load_profile,
        suites=all_suites(loaded.folder, loaded.environment.suites),
    )
    return load_context(folder.resolve())
