"""Dependencies go in one direction; read from the imports themselves."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"


def module_name(path: Path) -> str:
    parts = path.relative_to(SRC if path.is_relative_to(SRC) else ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> set[str]:
    """Every module a file names in an import, those inside functions included; type-only ones are not."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    type_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in type_only:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module}
    return found


FILES = sorted(SRC.rglob("*.py"))
GRAPH = {module_name(path): imports_of(path) for path in FILES}


def uses(module: str, package: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for name in GRAPH[module])


def of(package: str) -> list[str]:
    return [name for name in GRAPH if name == package or name.startswith(f"{package}.")]


def test_graph_is_not_empty() -> None:
    """The test reads real files."""
    assert len(GRAPH) > 40
    assert uses("stagehold.gate.run", "stagehold.gate.lanes")


def test_nobody_imports_the_command_line() -> None:
    """`cli` may import everything, nobody imports `cli`."""
    allowed = {"stagehold.__main__"}

    assert [name for name in GRAPH if name not in allowed and uses(name, "stagehold.cli")] == []


@pytest.mark.parametrize("module", ["verdict", "judgement", "commitments", "tally", "waivers"])
def test_who_decides_knows_only_the_model(module: str) -> None:
    """What a run amounts to is computed from the model alone: no files, no environment, no pytest."""
    deciding = {f"stagehold.{name}" for name in ("model", "judgement", "commitments", "tally", "waivers")}
    ours = {name for name in GRAPH[f"stagehold.{module}"] if name.startswith("stagehold")}

    assert ours <= deciding


def test_model_and_errors_are_leaves() -> None:
    """The words of the project depend on nothing of ours."""
    for leaf in ("stagehold.model", "stagehold.errors"):
        assert [name for name in GRAPH[leaf] if name.startswith("stagehold")] == []


@pytest.mark.parametrize(
    "package", ["stagehold.probes", "stagehold.environment", "stagehold.reporting", "stagehold.tls_profile"]
)
def test_inner_packages_do_not_know_the_run(package: str) -> None:
    """Probes observe, the environment describes, reports render; none of them runs or decides."""
    outer = ["gate", "plugin", "people", "demo", "catalogue"]

    assert [(n, o) for n in of(package) for o in outer if uses(n, f"stagehold.{o}")] == []


def test_probes_do_not_know_pytest_or_reports() -> None:
    """A probe works without pytest; what is shown is not its business."""
    for name in of("stagehold.probes"):
        assert not uses(name, "pytest"), name
        assert not uses(name, "stagehold.reporting"), name


def test_the_demo_system_knows_nothing_of_stagehold() -> None:
    """The service under test imports nothing of the gate."""
    assert [name for name in of("ledgerlab") if uses(name, "stagehold")] == []


def test_stagehold_knows_the_demo_only_as_a_process() -> None:
    """No module of the library imports the service it tests."""
    assert [name for name in of("stagehold") if uses(name, "ledgerlab")] == []


def test_the_load_engine_stands_alone() -> None:
    """The generator receives a plan and imports nothing of stagehold; nobody imports Locust into a lane."""
    for path in sorted((ROOT / "load").rglob("*.py")):
        assert not any(name.split(".")[0] == "stagehold" for name in imports_of(path)), path.name
    assert [name for name in of("stagehold") if uses(name, "locust")] == []


def test_suites_import_public_names_only() -> None:
    """A check needs `stagehold` and pytest; everything else comes by fixture."""
    allowed = {"__future__", "pytest", "stagehold", "collections.abc", "typing"}
    for path in sorted((ROOT / "suites").rglob("*.py")):
        foreign = {n for n in imports_of(path) if n not in allowed and n.split(".")[0] == "stagehold"}
        assert foreign == set(), path.name


def test_no_import_cycles() -> None:
    """Modules of ours can be read from the leaves up."""
    ours = {name: {dep for dep in deps if dep in GRAPH} for name, deps in GRAPH.items()}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " → ".join((*path[path.index(name) :], name))
        if name in done:
            return
        for dependency in sorted(ours[name] - {name}):
            visit(dependency, (*path, name))
        done.add(name)

    for name in sorted(ours):
        visit(name, ())
