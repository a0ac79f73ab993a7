"""Every check that is written below a suite is collected, or nothing is sent."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from stagehold.catalogue.apart import catalogue_of
from stagehold.catalogue.read import read_catalogue
from stagehold.errors import ConfigError
from stagehold.gate.collecting import collect, same_as_catalogue
from stagehold.surroundings import scrubbed_environment
from tests.plugin.conftest import HEADER

Prepare = Callable[..., tuple[Path, dict[str, Path]]]
CHECK = '''
@claim("{id}")
def {name}({arguments}):
    """Claims."""
    assert time.time() > 1
'''


def written(id_: str, name: str, arguments: str = "", indent: str = "") -> str:
    """A check."""
    return textwrap.indent(CHECK.format(id=id_, name=name, arguments=arguments), indent)


FIRST, SECOND = written("OWN-001", "test_first"), written("OWN-002", "test_second")
PLAIN = 'check("OWN-002", severity="blocker", proves=["declared-exposure"], remedy="Mend it.")'

LOST = {
    "copied": (FIRST + written("OWN-002", "test_first"), "line 17 takes its name away"),
    "copied with its id": (FIRST + written("OWN-001", "test_first"), "OWN-001 is not collected"),
    "another class": (f"{FIRST}\nclass Rules:\n{written('OWN-002', 'test_it', 'self', '    ')}", "Rules to TestRules"),
    "a constructor": (
        f"{FIRST}\nclass TestRules:\n    def __init__(self): pass\n{written('OWN-002', 'test_it', 'self', '    ')}",
        "constructor",
    ),
    "a method of another name": (
        f"{FIRST}\nclass TestRules:\n{written('OWN-002', 'it', 'self', '    ')}",
        "rename it to test_it",
    ),
    "two methods of one name": (
        (
            f"{FIRST}\nclass TestRules:\n{written('OWN-002', 'test_a', 'self', '    ')}"
            f"{written('OWN-003', 'test_a', 'self', '    ')}"
        ),
        "OWN-002 is not collected",
    ),
    "a class of one name": (
        (
            f"class TestA:\n{written('OWN-001', 'test_a', 'self', '    ')}\n"
            f"class TestA:\n{written('OWN-002', 'test_b', 'self', '    ')}"
        ),
        "OWN-001 is not collected",
    ),
    "another name": (FIRST + written("OWN-002", "second"), "rename second to test_second"),
    "a typing error in the name": (FIRST + written("OWN-002", "tset_second"), "OWN-002 is not collected"),
    "in a function that is called": (
        f"{FIRST}\ndef outer():\n{written('OWN-002', 'test_it', '', '    ')}\nouter()",
        "another function",
    ),
    "in a function that nobody calls": (
        f"{FIRST}\ndef outer():\n{written('OWN-002', 'test_it', '', '    ')}",
        "another function",
    ),
    "if False": (f"{FIRST}\nif False:\n{written('OWN-002', 'test_it', '', '    ')}", "never executed"),
    "if TYPE_CHECKING": (
        f"from typing import TYPE_CHECKING\n{FIRST}\nif TYPE_CHECKING:\n{written('OWN-002', 'test_it', '', '    ')}",
        "never executed",
    ),
    "a variable of the surroundings": (
        f'{FIRST}\nif os.environ.get("NIGHTLY"):\n{written("OWN-002", "test_it", "", "    ")}',
        "never executed",
    ),
    "a platform": (
        f'import sys\n{FIRST}\nif sys.platform == "win32":\n{written("OWN-002", "test_it", "", "    ")}',
        "never executed",
    ),
    "an import that fails": (
        (
            f"{FIRST}\ntry:\n    import nothing_of_that_name\n{written('OWN-002', 'test_it', '', '    ')}\n"
            "except ImportError:\n    pass\n"
        ),
        "never executed",
    ),
    "deleted": (f"{FIRST}{SECOND}\ndel test_second", "takes its name away"),
    "overwritten": (f"{FIRST}{SECOND}\ntest_second = None", "takes its name away"),
    "overwritten by an import": (f"{FIRST}{SECOND}\nfrom os import path as test_second", "takes its name away"),
    "renamed by a private name": (f"{FIRST}{SECOND}\n_kept = test_second\ndel test_second", "takes its name away"),
    "in a loop": (
        (
            "for number in (1, 2):\n    @claim(f'OWN-{number:03d}')\n    def test_it():\n"
            "        '''Claims.'''\n        assert time.time()\n"
        ),
        "OWN-001 is not collected",
    ),
    "module says no tests": (f"{FIRST}\n__test__ = False", "OWN-001 is not collected"),
    "class says no tests": (
        f"{FIRST}\nclass TestA:\n    __test__ = False\n{written('OWN-002', 'test_it', 'self', '    ')}",
        "OWN-002 is not collected",
    ),
    "another word for it": (
        f"from stagehold import check as c\n{FIRST}\nif False:\n    @c('OWN-002')\n    def test_it(): pass",
        "test_it",
    ),
    "through the package": (
        f"import stagehold as sh\n{FIRST}\nif False:\n    @sh.check('OWN-002')\n    def test_it(): pass",
        "test_it",
    ),
    "through the module": (
        f"import stagehold.marker\n{FIRST}\nif False:\n    @stagehold.marker.check('OWN-002')\n    def test_it(): pass",
        "test_it",
    ),
    "everything of the package": (
        f"from stagehold.marker import *\n{FIRST}\nif False:\n    @check('OWN-002')\n    def test_it(): pass",
        "test_it",
    ),
    "a decorator in a variable": (
        f"kept = {PLAIN}\n{FIRST}\n@kept\ndef other():\n    '''Claims.'''\n    assert time.time() > 1",
        "rename other",
    ),
    "a decorator in a variable, never": (
        f"kept = {PLAIN}\n{SECOND}\nif False:\n    @kept\n    def test_other(): pass",
        "test_other",
    ),
    "a helper of a helper": (
        (
            f"def mine(number):\n    made = claim(number)\n    return made\n{FIRST}\n"
            "if False:\n    @mine(2)\n    def test_other(): pass"
        ),
        "test_other",
    ),
    "a helper that is a lambda": (
        f"mine = lambda number: claim(number)\n{FIRST}\nif False:\n    @mine(2)\n    def test_other(): pass",
        "test_other",
    ),
    "partial": (
        f"import functools\nmine = functools.partial(claim)\n{FIRST}\nif False:\n    @mine(2)\n    def test_o(): pass",
        "test_o",
    ),
    "called": (f"{FIRST}\ndef f(): '''Claims.'''\nother = {PLAIN}(f)", "OWN-002 is not collected"),
    "called, never": (f"{FIRST}\ndef f(): '''Claims.'''\nif False:\n    test_it = {PLAIN}(f)", "never executed"),
    "kept and called, never": (
        f"kept = {PLAIN}\n@kept\n{FIRST.partition(')')[2].strip()}\ndef f(): pass\nif False:\n    test_it = kept(f)",
        "never executed",
    ),
    "a method that gives it": (
        (
            f"class Make:\n    def one(self, x): return claim(x)\n{FIRST}\nif False:\n    @Make().one(2)\n"
            "    def test_o(): pass"
        ),
        "never executed",
    ),
    "an empty loop": (f"{FIRST}\nfor number in []:\n{written('OWN-002', 'test_it', '', '    ')}", "never executed"),
    "a decorator that drops it": (f"{FIRST}\ndef drop(f): pass\n@drop\n{SECOND.strip()}", "OWN-002 is not collected"),
    "an abstract class": (
        f"{FIRST}\nimport abc\nclass TestX(abc.ABC):\n    @abc.abstractmethod\n    def x(self): ...\n"
        + written("OWN-002", "test_it", "self", "    "),
        "OWN-002 is not collected",
    ),
    "without @": (f"{FIRST}\n{PLAIN}\ndef helper():\n    '''Claims.'''", "decorates no function"),
    "its error is swallowed": (
        f"{FIRST}\ntry:\n    @claim('OWN-002')\n    def test_it(): pass\nexcept ValueError: pass",
        "OWN-002",
    ),
    "a fixture": (f"{FIRST}\n@pytest.fixture\n{SECOND.strip()}", "Marks cannot be applied to fixtures"),
    "two claims, one function": (f"{FIRST}\n@claim('OWN-003')\n{SECOND.strip()}", "OWN-002 and OWN-003"),
    "two names, one function": (f"{FIRST}\ntest_again = test_first", "collected twice"),
    "fetched by name": (
        (
            f"import stagehold\n{FIRST}\nmade = getattr(stagehold, 'check')('OWN-002', severity='blocker', "
            "proves=['declared-exposure'], remedy='x')\n@made\ndef other():\n    '''Claims.'''\n"
        ),
        "OWN-002 is not collected",
    ),
}


def suite(tmp_path: Path, source: str, name: str = "test_own.py") -> Path:
    """A folder with one file."""
    folder = tmp_path / "own"
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(HEADER + source, encoding="utf-8")
    return folder


@pytest.mark.parametrize(("source", "words"), LOST.values(), ids=list(LOST))
def test_a_check_that_pytest_would_not_collect_is_refused(tmp_path: Path, source: str, words: str) -> None:
    """A check that would never run is a wrong file, named with its line and what to do."""
    folder = suite(tmp_path, source)

    with pytest.raises(ConfigError, match=r"test_own\.py:\d+: ") as caught:
        read_catalogue({"own": folder})

    assert words in str(caught.value)


PLACES = [
    "helper.py", "checks.py", "tests_x.py", "conftest.py", "__init__.py", ".test_x.py", "test-x.py", "Test_x.py",
    "data/checks.py", "build/test_x.py", "dist/test_x.py", "node_modules/test_x.py", "venv/test_x.py", ".x/test_x.py",
    "x.egg/test_x.py", "deep/build/deeper/test_x.py", "__pycache__/test_x.py", "CVS/test_x.py",
]  # fmt: skip


@pytest.mark.parametrize("name", PLACES)
def test_a_check_in_a_file_that_pytest_passes_by_is_refused(tmp_path: Path, name: str) -> None:
    """Whatever the file or its folder is called, a check in it does not get lost."""
    folder = suite(tmp_path, FIRST)
    suite(tmp_path, SECOND, name)

    with pytest.raises(ConfigError, match=rf"{Path(name).name}:11: the check test_second is not collected: "):
        catalogue_of({"own": folder})


def test_a_check_in_a_virtual_environment_is_refused_and_its_packages_are_not_read(tmp_path: Path) -> None:
    """A folder with a Python of its own is passed by; what is installed there is none of the suite."""
    folder = suite(tmp_path, FIRST)
    (folder / "env").mkdir()
    (folder / "env" / "pyvenv.cfg").touch()
    suite(tmp_path, SECOND, "env/lib/site-packages/other/test_x.py")
    assert [spec.id for spec in read_catalogue({"own": folder})] == ["OWN-001"]

    suite(tmp_path, SECOND, "env/test_x.py")
    with pytest.raises(ConfigError, match="test_second is not collected"):
        read_catalogue({"own": folder})


@pytest.mark.parametrize(
    "line",
    ["collect_ignore = ['test_own.py']", "collect_ignore_glob = ['*']", "collect_ignore: list = []",
     "from os import environ as collect_ignore"],
)  # fmt: skip
def test_a_conftest_that_passes_files_by_is_refused(tmp_path: Path, line: str) -> None:
    """What a conftest.py ignores could be a check, which a plan must know, too."""
    folder = suite(tmp_path, FIRST)
    (folder / "conftest.py").write_text(f"{line}\n", encoding="utf-8")

    with pytest.raises(ConfigError, match=r"conftest\.py:1: collect_ignore"):
        read_catalogue({"own": folder})


@pytest.mark.parametrize("content", [b"def broken(:\n", b"x = 1\0", b"# coding: nothing\n", b"\xff\xfe"])
@pytest.mark.parametrize("name", ["helper.py", "deep/data.py", "conftest.py", "test_x.py"])
def test_a_file_that_is_no_python_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    """Nobody can say which checks are written in it."""
    folder = suite(tmp_path, FIRST)
    (folder / "deep").mkdir()
    (folder / name).write_bytes(content)

    with pytest.raises(ConfigError, match=rf"{Path(name).name} cannot be imported.*{Path(name).name}:\d"):
        catalogue_of({"own": folder})


def test_links(tmp_path: Path) -> None:
    """Files and folders behind links are read; a link to nothing and a circle are refused."""
    folder = suite(tmp_path, FIRST)
    suite(tmp_path / "shared", SECOND, "checks.py")
    (folder / "test_link.py").symlink_to(tmp_path / "shared" / "own" / "checks.py")
    (folder / ".#test_own.py").symlink_to("somebody@somewhere.1")
    assert [spec.id for spec in read_catalogue({"own": folder})] == ["OWN-001", "OWN-002"]

    (folder / "shared").symlink_to(tmp_path / "shared" / "own")
    with pytest.raises(ConfigError, match=r"checks\.py:\d+: the check test_second is not collected"):
        read_catalogue({"own": folder})
    (folder / "shared").unlink()

    (folder / "test_gone.py").symlink_to("gone.py")
    with pytest.raises(ConfigError, match="link to nothing"):
        read_catalogue({"own": folder})
    (folder / "test_gone.py").unlink()

    (folder / "circle").symlink_to(folder)
    with pytest.raises(ConfigError, match="circle"):
        read_catalogue({"own": folder})


def test_a_conftest_that_hides_a_check_by_other_means_is_refused(prepare: Prepare) -> None:
    """What the source does not show, the comparison with pytest's own collection does."""
    _, suites = prepare(own=FIRST, other=SECOND.replace("OWN-002", "OTH-001"))
    run = suites["own"].parent.parent / "run"
    (suites["own"] / "conftest.py").write_text("globals()['collect_ign' + 'ore'] = ['test_b.py']\n", encoding="utf-8")
    (suites["own"] / "test_b.py").write_text(HEADER + SECOND, encoding="utf-8")

    expected = collect(run, suites, scrubbed_environment())
    with pytest.raises(ConfigError, match=r"disagree about OWN-002 \(.*test_b\.py:\d+\)"):
        same_as_catalogue(expected, read_catalogue(suites))


HEALTHY = {
    "one": FIRST,
    "a class": f"{FIRST}\nclass TestRules:\n{written('OWN-002', 'test_it', 'self', '    ')}",
    "a class in a class": f"class TestA:\n    class TestB:\n{written('OWN-002', 'test_it', 'self', '        ')}",
    "a class that inherits": (
        f"class Base:\n{written('OWN-002', 'test_it', 'self', '    ')}\nclass TestA(Base):\n    pass"
    ),
    "helpers": (
        f"def helper(x): return x\nclass Books:\n    def __init__(self): self.x = 1\ndef look(x): return x\n{FIRST}"
    ),
    "an unused helper that makes checks": f"def mine(x):\n    return claim(x)\n{FIRST}",
    "a helper that applies": (
        f"def mine(f):\n    return {PLAIN}(f)\n{FIRST}\n@mine\ndef test_it():\n    '''Claims.'''\n"
    ),
    "a helper with a function in it": (
        f"def mine(x):\n    def deco(f):\n        return claim(x)(f)\n    return deco\n{FIRST}\n"
        "@mine('OWN-002')\ndef test_it():\n    '''Claims.'''\n    assert time.time()"
    ),
    "unused helpers that apply": (
        f"def mine(f):\n    marked = {PLAIN}(f)\n    return marked\n"
        f"def other(f):\n    kept = {PLAIN}\n    return kept(f)\n{FIRST}"
    ),
    "a class of helpers": (
        f"class Make:\n    @staticmethod\n    def one(x): return claim(x)\n{FIRST}\n"
        "@Make.one('OWN-002')\ndef test_it():\n    '''Claims.'''\n"
    ),
    "a factory of checks": (
        f"def make(x):\n{written('X', 'test_it', '', '    ')}\n    return test_it\n"
        "test_a = make('OWN-001')\ntest_b = make('OWN-002')"
    ).replace('"X"', "x"),
    "a loop that keeps each": (
        'for number in (1, 2):\n    @claim(f"OWN-{number:03d}")\n    def it():\n        """Claims."""\n'
        '        assert time.time()\n    globals()[f"test_{number}"] = it\ndel it'
    ),
    "called": f"def f():\n    '''Claims.'''\n    assert time.time()\ntest_it = {PLAIN}(f)",
    "called over lines": f"def f():\n    '''Claims.'''\n    assert time.time()\ntest_it = {PLAIN}(\n    f\n)",
    "parametrized": f"@pytest.mark.parametrize('x', [1, 2])\n{written('OWN-001', 'test_x', 'x').strip()}",
    "parametrized inside": (
        "@claim('OWN-001')\n@pytest.mark.parametrize(\n    'x',\n    [1, 2],\n)\ndef test_x(x):\n    '''Claims.'''\n"
    ),
    "a decorator that wraps": (
        "import functools\ndef twice(f):\n    @functools.wraps(f)\n    def inner():\n        f()\n        f()\n"
        f"    return inner\n@twice\n{FIRST.strip()}\n@claim('OWN-002')\n@twice\ndef test_b():\n    '''Claims.'''\n"
    ),
    "over several lines": (
        "@check(\n    'OWN-001',\n    severity='blocker',\n    proves=['declared-exposure'],\n    remedy='x',\n)\n"
        "def test_it():\n    '''Claims.'''\n    assert time.time()"
    ),
    "a name that is no check of ours": (
        f"{FIRST}\ndef look(check):\n    check('x')\n    ok = check(1)\n    return 2\n"
        "class Other:\n    def check(self, x): return x\nif False:\n    Other().check(1)"
    ),
    "fixtures": f"@pytest.fixture\ndef checked():\n    def check(x): return x\n    return check\n{FIRST}",
    "both branches": f"import sys\nif sys.version_info > (3,):\n{textwrap.indent(FIRST, '    ')}",
    "a longer prefix": written("OWN-001", "testFirst"),
}


@pytest.mark.parametrize("source", HEALTHY.values(), ids=list(HEALTHY))
def test_a_healthy_suite_is_read_as_pytest_collects_it(prepare: Prepare, source: str) -> None:
    """Helpers, factories, classes, fixtures, wrappers: nothing is refused, and both ways of reading agree."""
    run, suites = prepare(own=source)
    folder = suites["own"]
    (folder / "helper_of_ours.py").write_text("def helper(): return 1\n", encoding="utf-8")
    (folder / "claims.py").write_text(HEADER, encoding="utf-8")
    (folder / "conftest.py").write_text("import pytest\n@pytest.fixture\ndef one(): return 1\n", encoding="utf-8")
    (folder / "data").mkdir()
    (folder / "data" / "rows.csv").write_text("a,b\n", encoding="utf-8")
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "gyp.py").write_text("print 'Python 2'\n", encoding="utf-8")
    (folder / "._test_own.py").write_bytes(b"\x00\x05\x16\x07\x00\x02")

    known = read_catalogue(suites)

    assert known
    same_as_catalogue(collect(run, suites, scrubbed_environment()), known)


@pytest.mark.parametrize("command", [["run"], ["plan"], ["check", "OWN-001"]], ids=lambda command: command[0])
@pytest.mark.parametrize("lost", ["copied", "another class"])
def test_nothing_is_sent_and_the_exit_code_is_2(tmp_path: Path, command: list[str], lost: str) -> None:
    """Each command says file and line before anything reaches the service."""
    suite(tmp_path, LOST[lost][0])
    with socket.create_server(("127.0.0.1", 0)) as service:
        service.setblocking(False)
        port = service.getsockname()[1]
        (tmp_path / "environment.yaml").write_text(
            f"environment: {{id: e}}\ntargets: [{{name: web, base_url: 'http://127.0.0.1:{port}'}}]\nsuites: [own]\n",
            encoding="utf-8",
        )
        name, *what = command
        call = [sys.executable, "-I", "-m", "stagehold", name, "environment.yaml", *what]
        done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)

        with pytest.raises(BlockingIOError):
            service.accept()
    assert done.returncode == 2, done.stdout + done.stderr
    assert re.search(r"test_own\.py:\d+: OWN-00\d is not collected: ", done.stderr), done.stderr


def test_two_files_of_one_name_in_different_folders_are_two_files(prepare: Prepare) -> None:
    """Neither takes the other's place."""
    run, suites = prepare(own=written("OWN-009", "test_it"))
    for number, name in enumerate(("one", "two", "deep/one", "a.b", "a_b"), start=1):
        folder = suites["own"] / name
        folder.mkdir(parents=True)
        (folder / "test_it.py").write_text(HEADER + written(f"OWN-{number:03d}", "test_it"), encoding="utf-8")

    known = read_catalogue(suites)

    assert len(known) == 6
    collected = collect(run, suites, scrubbed_environment())
    if len(collected) == len(known):
        same_as_catalogue(collected, known)
    else:  # pytest takes a.b and a_b for one module
        with pytest.raises(ConfigError, match="disagree"):
            same_as_catalogue(collected, known)
