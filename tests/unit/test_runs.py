"""A run's folder: the blocking verdict comes first, and only folders of ours are emptied."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stagehold.demo.served import state_folder
from stagehold.environment.model import Environment
from stagehold.errors import ConfigError, RunError
from stagehold.model import Decision, RunInfo
from stagehold.runs import create_run_folder, empty_run_folder, environment_lock, read_verdict, write_verdict
from stagehold.verdict import unfinished

RUN = RunInfo(run_id="r1", environment="e1")


def environment(name: str = "lock-test") -> Environment:
    return Environment.model_validate(
        {"environment": {"id": name}, "targets": [{"name": "web", "base_url": "https://a.example"}]}
    )


def test_a_new_run_blocks_and_latest_points_at_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything else is done, the verdict on disk says INCONCLUSIVE."""
    monkeypatch.chdir(tmp_path)

    folder = create_run_folder(RUN, None)

    assert read_verdict(folder).decision is Decision.INCONCLUSIVE
    assert (tmp_path / "reports" / "latest").resolve() == folder


def test_out_is_emptied_when_it_is_ours(tmp_path: Path) -> None:
    """An earlier run in `--out` leaves nothing behind, least of all its verdict."""
    out = tmp_path / "out"
    create_run_folder(RUN, out)
    write_verdict(out, unfinished(RUN).model_copy(update={"decision": Decision.GO}))
    old = out / "evidence" / "tls" / "TLS-001" / "01-old.txt"
    old.parent.mkdir(parents=True)
    old.write_text("old", encoding="utf-8")

    empty_run_folder(create_run_folder(RUN, out))

    assert read_verdict(out).decision is Decision.INCONCLUSIVE
    assert [path.name for path in out.iterdir()] == ["verdict.json"]


def test_out_of_a_run_that_goes_on_is_refused(tmp_path: Path) -> None:
    """Two runs with one `--out` would overwrite each other's verdict: the second gets nothing, the first keeps all."""
    out = tmp_path / "out"
    create_run_folder(RUN, out)
    write_verdict(out, unfinished(RUN, "the first run's own"))
    code = (
        "import sys; from pathlib import Path; from stagehold.runs import create_run_folder;"
        "from stagehold.model import RunInfo;"
        "create_run_folder(RunInfo(run_id='r2', environment='e2'), Path(sys.argv[1]))"
    )

    second = subprocess.run(
        [sys.executable, "-c", code, str(out)], capture_output=True, text=True, timeout=30, check=False
    )

    assert "another run is writing" in second.stderr
    assert read_verdict(out).reasons == ("the first run's own",)


def test_a_state_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who owns the folder decides which environment a name means; a link in its place is not followed."""
    monkeypatch.setattr("stagehold.demo.served.SHARED", tmp_path)
    own = state_folder()
    own.rmdir()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    own.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(RunError, match="does not belong to this user"):
        state_folder()


def test_out_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    """A folder with somebody's files is refused and loses nothing."""
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")

    with pytest.raises(ConfigError, match="not empty"):
        create_run_folder(RUN, tmp_path)

    assert (tmp_path / "thesis.txt").read_text(encoding="utf-8") == "years of work"


def test_out_that_cannot_be_made_is_a_usage_error(tmp_path: Path) -> None:
    """A file in the way is reported in words."""
    (tmp_path / "file").write_text("x", encoding="utf-8")

    with pytest.raises(ConfigError, match="cannot be used"):
        create_run_folder(RUN, tmp_path / "file" / "out")


def test_second_run_on_an_environment_is_refused() -> None:
    """While one run holds an environment, another process is told so; afterwards it may go on."""
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from stagehold.runs import environment_lock\n"
        "from stagehold.errors import RunError\n"
        "from stagehold.environment.model import Environment\n"
        "e = Environment.model_validate({'environment': {'id': 'lock-test'},"
        " 'targets': [{'name': 'web', 'base_url': 'https://a.example'}]})\n"
        "try:\n    with environment_lock(e): print('free')\nexcept RunError as error: print('busy', error)\n"
    )

    def other() -> str:
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    with environment_lock(environment()):
        assert other().startswith("busy environment lock-test is busy")
        with environment_lock(environment("another")):
            pass
    assert other().strip() == "free"


def test_lock_is_not_reentrant() -> None:
    """Two runs in one process exclude each other, too."""
    with environment_lock(environment()), pytest.raises(RunError), environment_lock(environment()):
        pass


def test_unreadable_verdict_is_an_error(tmp_path: Path) -> None:
    """A half-written verdict is never taken for one."""
    (tmp_path / "verdict.json").write_text('{"decision": "GO"', encoding="utf-8")

    with pytest.raises(ConfigError, match="no readable"):
        read_verdict(tmp_path)


def test_emptying_starts_with_the_blocking_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill while an old run is being removed leaves a verdict that blocks, and a folder that is still ours."""
    out = tmp_path / "out"
    create_run_folder(RUN, out)
    write_verdict(out, unfinished(RUN).model_copy(update={"decision": Decision.GO}))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("stagehold.runs.remove", killed)
    with pytest.raises(KeyboardInterrupt):
        empty_run_folder(create_run_folder(RUN, out))

    assert read_verdict(out).decision is Decision.INCONCLUSIVE
