"""Assertions that no check hears of, and checks that assert nothing: each a snippet run through a real lane."""

from __future__ import annotations

import py_compile
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stagehold.catalogue.apart import catalogue_of
from stagehold.errors import ConfigError
from stagehold.gate.collecting import collect
from stagehold.gate.lanes import Lanes
from stagehold.gate.record import RunRecord
from stagehold.judgement import judge_checks
from stagehold.model import Outcome
from stagehold.surroundings import scrubbed_environment
from tests.plugin.conftest import HEADER

RunChecks = Callable[..., Any]
Prepare = Callable[..., tuple[Path, dict[str, Path]]]

NOT_PASSED = {
    "thread": """
        import threading
        def look():
            assert 1 == 2, "seen in a thread"
        worker = threading.Thread(target=look)
        worker.start()
        worker.join()
        assert worker.name
    """,
    "future nobody asks": """
        from concurrent.futures import ThreadPoolExecutor
        def look(n):
            assert n < 2, "too many"
        with ThreadPoolExecutor() as pool:
            for n in range(4):
                pool.submit(look, n)
        assert pool is not None
    """,
    "map nobody reads": """
        from concurrent.futures import ThreadPoolExecutor
        def look(n):
            assert n > 0, "too few"
        with ThreadPoolExecutor() as pool:
            pool.map(look, range(4))
        assert pool is not None
    """,
    "asyncio task": """
        import asyncio
        async def look():
            assert 1 == 2, "seen in a task"
        async def main():
            task = asyncio.create_task(look())
            await asyncio.sleep(0.01)
        asyncio.run(main())
        assert main.__name__ == "main"
    """,
    "when an object is removed": """
        class Watch:
            def __del__(self):
                assert 1 == 2, "seen at the end"
        watch = Watch()
        del watch
        assert Watch.__name__ == "Watch"
    """,
    "forked process": """
        import multiprocessing
        def look():
            assert 1 == 2, "seen in a child"
        child = multiprocessing.get_context("fork").Process(target=look)
        child.start()
        child.join()
        assert child.pid
    """,
    "callback that swallows": """
        def call(back):
            try:
                back()
            except Exception:
                pass
        def look():
            assert 1 == 2, "seen in a callback"
        call(look)
        assert call.__name__ == "call"
    """,
    "thread that goes on": """
        import threading
        def look():
            time.sleep(3)
            assert 1 == 2
        threading.Thread(target=look, daemon=True).start()
        assert threading.active_count() > 1
    """,
    "except Exception": """
        try:
            assert 1 == 2, "no"
        except Exception:
            print("never mind")
        assert print is not None
    """,
    "except AssertionError in a loop over items": """
        for item in (0, 1, 2):
            try:
                assert item > 0, "item is wrong"
            except AssertionError:
                continue
    """,
    "bare except": """
        try:
            assert 1 == 2, "no"
        except:
            pass
        assert time.time() > 1
    """,
    "suppress": """
        import contextlib
        with contextlib.suppress(AssertionError):
            assert 1 == 2, "no"
        assert time.time() > 1
    """,
    "suppress over items": """
        import contextlib
        for item in (0, 1):
            with contextlib.suppress(AssertionError):
                assert item, "no"
    """,
    "raises AssertionError": """
        with pytest.raises(AssertionError):
            assert 1 == 2, "no"
        assert time.time() > 1
    """,
    "finally with return": """
        def look():
            try:
                assert 1 == 2, "no"
            finally:
                return True
        assert look() is True
    """,
    "raise that is swallowed": """
        try:
            if time.time() > 1:
                raise AssertionError("no")
        except AssertionError:
            pass
        assert time.time() > 1
    """,
    "pytest.fail that is swallowed": """
        try:
            pytest.fail("no")
        except BaseException:
            pass
        assert time.time() > 1
    """,
    "another error inside an assertion, swallowed": """
        try:
            assert {}["missing"] == 1
        except Exception:
            pass
        assert time.time() > 1
    """,
    "retries that never succeed": """
        for attempt in range(3):
            try:
                assert attempt > 5, "not yet"
                break
            except AssertionError:
                pass
        assert attempt == 2
    """,
    "library that swallows": """
        import unittest
        case = unittest.TestCase()
        try:
            case.assertEqual(1, 2)
        except AssertionError:
            pass
        assert case is not None
    """,
    "nothing at all": """
        print("looked at it")
    """,
    "loop over nothing": """
        for item in []:
            assert item
    """,
    "early return": """
        if time.time() > 1:
            return
        assert 1 == 2
    """,
    "all of nothing executed": """
        items = [item for item in () if item]
        for item in items:
            if not item:
                pytest.fail("wrong")
    """,
    "only what a fixture asserts": """
        careful
    """,
    "method that is not called": """
        class Page:
            def is_visible(self):
                return False
        page = Page()
        assert page.is_visible
    """,
    "function that is not called": """
        from os.path import exists
        assert exists
    """,
    "uncalled method in a chain": """
        class Page:
            def is_visible(self):
                return False
        class Tab:
            page = Page()
        tab = Tab()
        assert tab.page.is_visible and time.time() > 1
    """,
    "uncalled method compared with None": """
        class Page:
            def title(self):
                return None
        page = Page()
        assert page.title is not None
    """,
    "timer that is not waited for": """
        import threading
        def look():
            assert 1 == 2
        timer = threading.Timer(60, look)
        timer.daemon = True
        timer.start()
        assert timer.name
    """,
    "another error in a thread, warnings off": """
        import threading, warnings
        warnings.simplefilter("ignore")
        def look():
            return {}["missing"]
        worker = threading.Thread(target=look)
        worker.start()
        worker.join()
        assert worker.name
    """,
    "helper that answers no": """
        def works():
            try:
                assert 1 == 2, "no"
                return True
            except AssertionError:
                return False
        assert works() in (True, False)
    """,
    "failed subtest": """
        subtests = request.getfixturevalue("subtests")
        for item in (0, 1):
            with subtests.test(item=item):
                assert item
        assert subtests is not None
    """,
    "types only": """
        import typing
        typing.assert_type(1, int)
    """,
    "coroutine that is not awaited": """
        async def look():
            return False
        def made():
            return look()
        assert made()
    """,
}

PASSED = {
    "an assertion": "assert time.time() > 1",
    "in a thread that is waited for": """
        from concurrent.futures import ThreadPoolExecutor
        def look(n):
            assert n >= 0
            return n
        with ThreadPoolExecutor() as pool:
            assert list(pool.map(look, range(3))) == [0, 1, 2]
    """,
    "only in a thread": """
        import threading
        def look():
            assert time.time() > 1
        worker = threading.Thread(target=look)
        worker.start()
        worker.join()
    """,
    "only in a forked process": """
        import multiprocessing
        def look():
            assert time.time() > 1
        child = multiprocessing.get_context("fork").Process(target=look)
        child.start()
        child.join()
        if child.exitcode:
            pytest.fail("the child failed")
    """,
    "polling that breaks": """
        for attempt in range(5):
            try:
                assert attempt > 2, "not yet"
                break
            except AssertionError:
                time.sleep(0.01)
        else:
            pytest.fail("never")
    """,
    "polling with else": """
        for item in (1, 2):
            for attempt in range(5):
                try:
                    assert attempt > item, "not yet"
                except AssertionError:
                    continue
                else:
                    break
    """,
    "polling in a helper": """
        def eventually(what, tries=9):
            while True:
                try:
                    return what()
                except AssertionError:
                    tries -= 1
                    if not tries:
                        raise
        seen = []
        def ready():
            seen.append(1)
            assert len(seen) > 3, "not yet"
        eventually(ready)
    """,
    "polling by a flag": """
        ready, count = False, 0
        while not ready and count < 9:
            try:
                count += 1
                assert count > 2
                ready = True
            except AssertionError:
                pass
        assert ready
    """,
    "polling that continues": """
        count = 0
        while True:
            count += 1
            try:
                assert count > 2
            except AssertionError:
                continue
            break
    """,
    "polling a helper that answers": """
        seen = []
        def ready():
            try:
                seen.append(1)
                assert len(seen) > 3
                return True
            except AssertionError:
                return False
        while not ready():
            time.sleep(0.01)
    """,
    "polling a helper in a bounded loop": """
        seen = []
        def ready():
            try:
                seen.append(1)
                assert len(seen) > 3
            except AssertionError:
                return False
            return True
        for _ in range(9):
            if ready():
                break
        else:
            pytest.fail("never")
    """,
    "polling named errors": """
        errors = (AssertionError, TimeoutError)
        for attempt in range(5):
            try:
                assert attempt > 2
                break
            except errors:
                pass
    """,
    "a thread that goes on elsewhere": """
        import threading
        threading.Thread(target=time.sleep, args=(2,), daemon=True).start()
        assert time.time() > 1
    """,
    "attempts as context managers": """
        class Attempt:
            def __enter__(self): return self
            def __exit__(self, kind, error, trace):
                self.over = kind is None
                return kind is not None and issubclass(kind, AssertionError)
        def attempts():
            for _ in range(5):
                attempt = Attempt()
                yield attempt
                if attempt.over:
                    return
        count = 0
        for attempt in attempts():
            with attempt:
                count += 1
                assert count > 2
    """,
    "either answer is right": """
        status = 204
        try:
            assert status == 200
        except AssertionError:
            assert status == 204
    """,
    "pytest.raises": """
        with pytest.raises(ZeroDivisionError):
            1 / 0
    """,
    "pytest.raises of a function": """
        pytest.raises(ValueError, int, "x")
    """,
    "pytest.fail unless": """
        if time.time() < 1:
            pytest.fail("the clock is wrong")
    """,
    "raise unless": """
        if time.time() < 1:
            print("no")
            raise AssertionError("the clock is wrong")
    """,
    "fail unless it answers": """
        try:
            int("1")
        except ValueError:
            pytest.fail("no number")
    """,
    "unittest": """
        import unittest
        unittest.TestCase().assertEqual(1, 1)
    """,
    "warns": """
        import warnings
        with pytest.warns(UserWarning):
            warnings.warn("look")
    """,
    "helper": """
        def must_be_on(value):
            assert value, "off"
        must_be_on(time.time())
    """,
    "fluent": """
        class Expectation:
            def to_have_text(self, text): return None
        def expect(locator): return Expectation()
        from unittest.mock import MagicMock
        page = MagicMock()
        page.expect().to_have_text("x")
    """,
    "property": """
        class Reply:
            @property
            def is_redirect(self): return True
        reply = Reply()
        assert reply.is_redirect
    """,
    "a function that was put somewhere": """
        class Hook:
            def __init__(self, handler):
                self.handler = handler
        hook = Hook(print)
        assert hook.handler is not None
    """,
    "factory of a fixture": """
        judge(time.time())
    """,
    "asyncio": """
        import asyncio
        async def look():
            assert time.time() > 1
        asyncio.run(look())
    """,
    "generator that is consumed": """
        def looks():
            for n in range(3):
                assert n >= 0
                yield n
        list(looks())
    """,
    "comprehension": """
        assert all(n >= 0 for n in range(3))
    """,
    "probe that tries": """
        import contextlib
        with contextlib.suppress(ProbeError):
            raise ProbeError("no answer")
        assert time.time() > 1
    """,
    "chained conditions": """
        kind = "b"
        if kind == "a":
            assert kind
        elif kind == "b":
            assert kind == "b"
    """,
}
FIXTURES = """
@pytest.fixture
def careful():
    assert time.time() > 1

@pytest.fixture
def judge():
    def it(value):
        assert value
    return it

"""


def suite(snippets: dict[str, str]) -> str:
    """A suite with one check for each snippet, AAA-001 and on."""
    parts = [FIXTURES]
    for number, body in enumerate(snippets.values(), start=1):
        lines = textwrap.indent(textwrap.dedent(body).strip(), "    ")
        parts.append(
            f'@claim("AAA-{number:03}")\ndef test_{number}(request, careful, judge):\n    """Claims."""\n{lines}\n\n'
        )
    return "".join(parts)


def test_what_no_check_hears_of_is_not_passed(run_checks: RunChecks) -> None:
    """Failures in threads, tasks, processes and behind handlers, and checks without assertions, are inconclusive."""
    run = run_checks(lost=suite(NOT_PASSED))

    names = list(NOT_PASSED)
    got = {names[int(id_[4:]) - 1]: result.outcome for id_, result in run.checks.items()}
    # pytest itself lets a failed subtest fail its test.
    assert got == dict.fromkeys(NOT_PASSED, Outcome.INCONCLUSIVE) | {"failed subtest": Outcome.FAILED}
    reasons = {names[int(id_[4:]) - 1]: result.reason for id_, result in run.checks.items()}
    assert "it asserted nothing" in reasons["loop over nothing"]
    assert "in thread" in reasons["thread"]
    assert "seen in a thread" in reasons["thread"]
    assert "in another process" in reasons["forked process"]
    assert "not called" in reasons["method that is not called"]
    assert "still running" in reasons["thread that goes on"]
    assert all("test_lost.py:" in reasons[name] for name in ("thread", "suppress", "asyncio task", "bare except"))


def test_what_is_asserted_in_a_usual_way_passes(run_checks: RunChecks) -> None:
    """Polling, helpers, threads that are waited for, and the idioms of pytest and unittest count as assertions."""
    run = run_checks(usual=suite(PASSED))

    names = list(PASSED)
    got = {names[int(id_[4:]) - 1]: (result.outcome, result.reason) for id_, result in run.checks.items()}
    assert {name: reason for name, (outcome, reason) in got.items() if outcome is not Outcome.PASSED} == {}


ALWAYS_TRUE = {
    'assert (1 == 2, "message")': "tuple",
    'assert "text"': "constant",
    "assert True": "constant",
    "value = 1\nassert f'value {value}'": "text",
    "assert lambda: False": "function",
    "assert (item for item in [])": "generator",
    "assert [False]": "list",
    "assert {'ok': False}": "mapping",
    "assert {False}": "list or set",
    "assert not []": "empty",
    "assert not ''": "empty",
    "value = 0\nassert value or 'message'": "constant",
    "value = 0\nassert value == 1 or True": "constant",
    "assert all": "not called",
    "def look(): return False\nassert look": "not called",
    "async def look(): return False\nassert look()": "coroutine",
    "async def look(): assert 1 == 2\nlook()": "coroutine",
    "def looks():\n    assert 1 == 2\n    yield\nlooks()": "generator",
    "def look():\n    assert 1 == 2": "never called",
    "value = 1\nvalue == 2": "`assert` is missing",
    "value = 1\nassert value == value": "same expression",
    "assert len([]) >= 0": "never less",
    "map(print, [1])": "consumes",
    "assert map(print, [1])": "all(",
    "from playwright.sync_api import expect\nexpect('page')": "alone judges nothing",
    "page = pytest\npage.assert_visible": "not called",
    "page = pytest\npage.expect(page).to_be_visible": "not called",
    "pytest.raises(ValueError)": "`with`",
    "if time.time() < 1:\n    AssertionError('wrong')": "`raise` is missing",
    "from atexit import register as later\ndef look():\n    assert 1 == 2\nlater(look)": "process ends",
    "assert time.time() > 1, 2 == 3": "message",
    "import atexit\ndef look():\n    assert 1 == 2\natexit.register(look)": "process ends",
}


@pytest.mark.parametrize(("body", "words"), ALWAYS_TRUE.items(), ids=list(ALWAYS_TRUE))
def test_what_can_never_fail_is_refused_from_the_source(tmp_path: Path, body: str, words: str) -> None:
    """What looks like an assertion and judges nothing is a configuration error that names file and line."""
    lines = textwrap.indent(body, "    ")
    folder = tmp_path / "own"
    folder.mkdir()
    source = f'{HEADER}@claim("OWN-001")\ndef test_it():\n    """Claims."""\n{lines}\n    assert time.time() > 1\n'
    (folder / "test_own.py").write_text(source, encoding="utf-8")

    with pytest.raises(ConfigError, match=r"own/test_own\.py:\d+: ") as caught:
        catalogue_of({"own": folder})
    assert words in str(caught.value)


def test_helpers_count_and_compiled_files_hide_nothing(prepare: Prepare) -> None:
    """Helpers and what a conftest.py hands out count, read from their source, whatever `__pycache__` holds."""
    source = '@claim("AAA-001")\ndef test_it():\n    """Claims."""\n    from helper_of_ours import judge\n    judge()\n'
    source += '\n@claim("AAA-002")\ndef test_that(verify):\n    """Claims."""\n    verify(1)\n'
    run, suites = prepare(own=source)
    folder = suites["own"]
    conftest = f"import sys\nimport pytest\nsys.path.insert(0, {str(folder)!r})\n\n"
    conftest += "def judge(value):\n    assert value\n\n@pytest.fixture\ndef verify():\n    return judge\n"
    (folder / "conftest.py").write_text(conftest, encoding="utf-8")
    helper = folder / "helper_of_ours.py"
    helper.write_text("def judge():\n    return None\n", encoding="utf-8")
    py_compile.compile(str(helper), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH, doraise=True)
    helper.write_text("def judge():\n    assert 1 < 2\n", encoding="utf-8")

    expected = collect(run, suites, scrubbed_environment())
    record = RunRecord(run)
    until = time.monotonic() + 60
    Lanes(run, suites, scrubbed_environment(), expected, record, lane_deadline=60, run_deadline=until).run()

    outcomes = {result.spec.id: result.outcome for result in judge_checks(expected, record.recorded.cases)}
    assert outcomes == {"AAA-001": Outcome.PASSED, "AAA-002": Outcome.PASSED}
