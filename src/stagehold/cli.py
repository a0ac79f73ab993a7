"""The command line: arguments → call → exit code. No decisions here; commands import what they need."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stagehold.errors import ConfigError, StageholdError
from stagehold.signs import use_plain_signs, wanted_encoding

if TYPE_CHECKING:
    from rich.console import Console

    from stagehold.gate.run import Ended
    from stagehold.model import Verdict

EXIT_OK, EXIT_RED, EXIT_USAGE, EXIT_UNDECIDED = 0, 1, 2, 3

_EPILOG = """\
exit codes: 0 GO, and nothing else opens the gate; 1 NO_GO; 2 usage or configuration; 3 no decision.

examples:
  stagehold demo                        run the gate on the demo environment: GO
  stagehold demo --defect hsts-missing-on-errors   a blocked release: NO_GO
  stagehold plan environments/staging   what would be checked and contacted; sends nothing
  stagehold run environments/staging --out gate-out --release sha256:…
  stagehold check staging tls           one suite, for a person at work
  stagehold list TLS-001                one check in full
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stagehold",
        description="Holds a release at its testing environment until every promise is proven for this build.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="print the version and end")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    run = _command(commands, "run", _run, "the gate: everything the environment requires, a verdict, reports",
                   "stagehold run environments/staging --out gate-out --release sha256:0123…")  # fmt: skip
    run.add_argument("environment", metavar="ENV", help="a folder name in environments/, a folder or a file")
    run.add_argument("--release", metavar="DIGEST", help="the build to be released, sha256:…")
    run.add_argument("--profile", metavar="NAME", help="a load profile at least as strong as the environment's")
    run.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        help="write here; what an earlier run wrote there goes, nothing else (default: reports/runs/<id>)",
    )
    run.add_argument("--history", metavar="FILE", type=Path,
                     help="earlier runs: what changed since the last GO, trends; this run is added")  # fmt: skip

    check = _command(commands, "check", _check, "run suites or checks; for people, not a gate",
                     "stagehold check staging tls\n  stagehold check staging AUT-007 ACC-008 --trace")  # fmt: skip
    check.add_argument("environment", metavar="ENV")
    check.add_argument("what", metavar="SUITE|CHECK-ID", nargs="*", help="default: everything")
    check.add_argument("--headed", action="store_true", help="show the browser")
    check.add_argument("--trace", action="store_true", help="keep a Playwright trace of each journey")
    check.add_argument("--pdb", action="store_true", help="stop in the debugger at a failure")

    plan = _command(commands, "plan", _plan, "validate the files and show what would be done; sends nothing",
                    "stagehold plan environments/staging")  # fmt: skip
    plan.add_argument("environment", metavar="ENV")

    listing = _command(commands, "list", _list, "the catalogue of checks, or one check in full",
                       "stagehold list\n  stagehold list TLS-001\n  stagehold list --defects")  # fmt: skip
    listing.add_argument("check", metavar="CHECK-ID", nargs="?")
    listing.add_argument("--defects", action="store_true", help="the demo's seeded defects, one a line")

    demo = _command(commands, "demo", _demo, "start the demo environment and run the gate on it",
                    "stagehold demo\n  stagehold demo --defect database-exposed\n  stagehold demo --serve")  # fmt: skip
    demo.add_argument("--defect", metavar="NAME", action="append", default=[], help="seed a defect (repeatable)")
    demo.add_argument("--serve", action="store_true", help="keep the demo up and say how to use it")
    demo.add_argument(
        "--out", metavar="DIR", type=Path, help="write the run here; what an earlier run wrote there goes, nothing else"
    )
    demo.add_argument("--mode", choices=("auto", "namespace", "loopback"), default="auto",
                      help="how the demo is isolated (default: namespaces where possible)")  # fmt: skip

    selftest = _command(commands, "selftest", _selftest, "prove that the gate can still go red",
                        "stagehold selftest\n  stagehold selftest --apart\n"
                        "  stagehold selftest TLS-001 HDR-001")  # fmt: skip
    selftest.add_argument("checks", metavar="CHECK-ID", nargs="*", help="only the defects of these checks")
    selftest.add_argument("--benches", metavar="N", type=int, choices=range(1, 17),
                          help="demos to use at a time (default: as many as processors, at most 4)")  # fmt: skip

    selftest.add_argument("--apart", action="store_true",
                          help="a row for each defect, not several in a row: takes twice as long")  # fmt: skip

    doctor = _command(commands, "doctor", _doctor, "tools, versions, and how to get what is missing",
                      "stagehold doctor --install")  # fmt: skip
    doctor.add_argument("--install", action="store_true", help="install missing system packages")

    report = _command(commands, "report", _report, "rebuild the reports of a run from its event log",
                      "stagehold report\n  stagehold report reports/runs/20261123T160000Z-3fa9")  # fmt: skip
    report.add_argument("run", metavar="RUN", nargs="?", type=Path, help="a run's folder (default: the latest)")
    report.add_argument("--open", action="store_true", help="open the decision page in a browser")
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    handler: Callable[[argparse.Namespace], int],
    summary: str,
    examples: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"examples:\n  {examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(handler=handler)
    return parser


def main(argv: Sequence[str] | None = None) -> int:  # noqa: PLR0911 - one way out per kind of error
    """Run one command; returns its exit code. argparse itself exits 2 for a wrong command line."""
    # A terminal that has no ✓ must neither turn a proven GO into a traceback nor make all signs look alike.
    use_plain_signs((sys.stdout, sys.stderr), wanted_encoding(os.environ))
    # Until a run listens itself, and after it has: a signal must not end a command with another word than the reports.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.version:
        from stagehold import __version__

        sys.stdout.write(f"stagehold {__version__}\n")
        return EXIT_OK
    if arguments.command is None:
        parser.print_help()
        return EXIT_USAGE
    try:
        code: int = arguments.handler(arguments)
    except ConfigError as error:
        _complain(error)
        return EXIT_USAGE
    except StageholdError as error:
        _complain(error)
        return EXIT_UNDECIDED
    except KeyboardInterrupt:
        sys.stderr.write("stagehold: interrupted\n")
        return EXIT_UNDECIDED
    except BrokenPipeError:
        return EXIT_UNDECIDED
    except OSError as error:  # such as an output that is full: the verdict on disk stands, and this blocks
        _complain(StageholdError(str(error)))
        return EXIT_UNDECIDED
    return code


def _complain(error: StageholdError) -> None:
    sys.stderr.write(f"stagehold: {error}\n")
    if error.remedy:
        sys.stderr.write(f"  → {error.remedy}\n")


def _console() -> Console:
    from stagehold.reporting.terminal_lines import console

    return console()


def _run(arguments: argparse.Namespace) -> int:
    from stagehold.gate.run import Request, run_gate

    console = _console()
    ended = run_gate(
        Request(
            arguments.environment,
            release=arguments.release,
            profile=arguments.profile,
            out=arguments.out,
            history=arguments.history,
        ),
        console,
    )
    _show(ended, console)
    return ended.exit_code


def _show(ended: Ended, console: Console) -> None:
    from stagehold.gate.publish import report_paths
    from stagehold.reporting.terminal import print_summary

    if ended.error is not None:
        _complain(ended.error)
        if ended.folder is None:
            return
        sys.stderr.write("stagehold: no decision; this blocks the release\n")
        return
    if ended.folder is None:
        sys.stderr.write(f"stagehold: {ended.verdict.headline}\n")
        return
    print_summary(ended.verdict, console, report_paths(ended.folder))


def _check(arguments: argparse.Namespace) -> int:
    from stagehold.people import CheckRequest, run_checks
    from stagehold.reporting.terminal_checks import print_checks

    console = _console()
    checked = run_checks(
        CheckRequest(
            arguments.environment,
            what=arguments.what,
            headed=arguments.headed,
            trace=arguments.trace,
            pdb=arguments.pdb,
        ),
        console,
    )
    print_checks(checked.results, console, checked.folder, checked.hints)
    for problem in checked.problems:
        _complain(StageholdError(problem.what, remedy=problem.remedy))
    return checked.exit_code


def _plan(arguments: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from stagehold.catalogue.apart import catalogue_of
    from stagehold.catalogue.read import all_suites
    from stagehold.demo.served import locate
    from stagehold.environment.reader import read_environment
    from stagehold.environment.waiver_file import read_waivers
    from stagehold.network.door import Network
    from stagehold.plan import build_plan, render

    loaded = read_environment(locate(arguments.environment))
    specs = catalogue_of(all_suites(loaded.folder, loaded.environment.suites))
    network = Network.build(loaded.environment)
    now = datetime.now(UTC)
    waivers = read_waivers(loaded.folder, specs, now).waivers
    render(build_plan(loaded, specs, network.entries, waivers, now), _console())
    return EXIT_OK


def _list(arguments: argparse.Namespace) -> int:
    if arguments.defects:
        from stagehold.demo.up import known_defects

        for name, breaks in known_defects().items():
            sys.stdout.write(f"{name}  {breaks}\n")
        return EXIT_OK
    from stagehold.catalogue.listing import print_catalogue, print_check
    from stagehold.catalogue.read import read_catalogue, shipped_suites

    specs = read_catalogue(shipped_suites())
    if arguments.check is None:
        print_catalogue(specs, _console())
    else:
        print_check(arguments.check, specs, _console())
    return EXIT_OK


def _demo(arguments: argparse.Namespace) -> int:
    from stagehold.demo.up import check_defects, demo
    from stagehold.gate.run import Request, run_gate

    console = _console()
    if not arguments.serve:
        # The blocking verdict comes first here, too: `--out` must not keep an older GO while the demo starts.
        from stagehold.demo.up import blocked_until_up

        with blocked_until_up(arguments.out):
            check_defects(arguments.defect)
        with demo(arguments.defect, arguments.mode) as up:
            console.print(f"the demo is up at {up.url} ({up.mode} mode)", highlight=False)
            ended = run_gate(Request(str(up.environment_file), out=arguments.out), console)
        _show(ended, console)
        return ended.exit_code
    from stagehold.demo.up import serve

    check_defects(arguments.defect)
    return serve(arguments.defect, arguments.mode, console)


def _selftest(arguments: argparse.Namespace) -> int:
    from stagehold.demo.selftest import run_selftest

    return run_selftest(arguments.checks, _console(), benches=arguments.benches, apart=arguments.apart)


def _doctor(arguments: argparse.Namespace) -> int:
    from stagehold.doctor import examine

    return examine(_console(), install=arguments.install)


def _report(arguments: argparse.Namespace) -> int:
    from stagehold.gate.publish import report_paths
    from stagehold.gate.rebuild import rebuild
    from stagehold.reporting.terminal import print_summary

    folder, verdict, known = rebuild(arguments.run)
    sys.stdout.write(f"{known}\n")
    print_summary(verdict, _console(), report_paths(folder))
    if arguments.open:
        import webbrowser

        webbrowser.open((folder / "decision.html").as_uri())
    return _exit_code(verdict)


def _exit_code(verdict: Verdict) -> int:
    from stagehold.gate.run import EXIT_CODES

    return EXIT_CODES[verdict.decision]
