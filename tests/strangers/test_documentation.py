"""What the documentation shows is run through the gate: descriptions, checks, waivers, commands, names."""

from __future__ import annotations

import hashlib
import importlib
import re
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from stagehold.catalogue.read import read_catalogue, shipped_suites
from stagehold.cli import _parser
from stagehold.environment.model import Environment
from stagehold.environment.reader import read_environment
from stagehold.environment.waiver_file import read_waivers
from stagehold.plugin.needed import MODULES
from stagehold.shipped import shipped
from stagehold.tls_profile.reader import read_profile
from tests.ports.conftest import play_alone, require_network
from tests.ports.stage import as_root_of_our_own
from tests.strangers import stage
from tests.strangers.documentation import PAGES, ROOT, Block, blocks
from tests.strangers.fifteen_lines import PEOPLE, here

WHOLE = [block for block in blocks("yaml") if block.kind == "environment"]
FRAGMENTS = [block for block in blocks("yaml") if block.kind == "fragment"]
SPECS = read_catalogue(shipped_suites())
SITE = next(block for block in WHOLE if "notes-staging" in block.text)
"""The site with a login, two companies and an object: fragments are tried in it."""
OWN = next(block for block in blocks("python") if block.page == "docs/writing-a-check.md")
JOURNEY = next(block for block in blocks("python") if block.page == "docs/writing-a-journey.md")
OF_COMPANIES = {"ACM-001", "JRN-001"}
"""Ids of the examples of a company's own checks."""


def read(folder: Path, text: str) -> Environment:
    path = folder / "environment.yaml"
    path.write_text(text, encoding="utf-8")
    return read_environment(path).environment


def named(block: Block) -> str:
    return block.name


def test_every_block_is_of_a_known_kind() -> None:
    """No YAML of the documentation goes untested because nobody knows what it is."""
    kinds = {block.kind for block in blocks("yaml")}

    assert [block.name for block in blocks("yaml") if not block.kind] == []
    assert kinds == {"environment", "fragment", "waivers", "profile", "pipeline", "comment"}
    assert {block.language for block in blocks("yaml", "python", "console", "groovy", "sh", "bash", "yml", "json")} <= {
        "yaml", "python", "console", "groovy",
    }  # fmt: skip


@pytest.mark.parametrize("block", WHOLE, ids=named)
def test_whole_descriptions_are_planned(tmp_path: Path, block: Block) -> None:
    """`stagehold plan` takes every whole description, says what would be proven, and sends nothing."""
    environment = read(tmp_path, block.text)
    for account in environment.accounts:
        secret = tmp_path / account.password_ref.removeprefix("file:")
        secret.parent.mkdir(exist_ok=True)
        secret.touch(mode=0o600)
        secret.write_text("a-password", encoding="utf-8")
    planned = stage.plan(tmp_path / "environment.yaml")

    assert planned.code == 0, planned.output
    assert "Traceback" not in planned.output


@pytest.mark.parametrize("block", FRAGMENTS, ids=named)
def test_fragments_fit_into_a_description(tmp_path: Path, block: Block) -> None:
    """Each section that a page shows is read as part of a whole description, files that it names included."""
    document: dict[str, Any] = yaml.safe_load(SITE.text)
    fragment = block.text
    profile = profile_of(tmp_path)
    fragment = fragment.replace("9f1c…", hashlib.sha256(profile.read_bytes()).hexdigest())
    added: dict[str, Any] = yaml.safe_load(fragment)
    aliases = set(re.findall(r"\b(?:account|owner): (\w+)", fragment)) - {"ann", "bob"}
    document["accounts"] += [{**document["accounts"][0], "alias": alias, "user": alias} for alias in sorted(aliases)]
    for folder in added.get("suites", ()):
        (tmp_path / folder).mkdir(parents=True)
    environment = read(tmp_path, yaml.safe_dump({**document, **added}, allow_unicode=True, sort_keys=False))

    assert all(key in environment.model_fields_set for key in added)


def profile_of(folder: Path) -> Path:
    """The profile of the page, completed by the rules of the one it is copied from."""
    block = next(block for block in blocks("yaml") if block.kind == "profile")
    text = (shipped("environments") / "tls-profiles" / "intermediate.yaml").read_text(encoding="utf-8")
    document = {**yaml.safe_load(text), **yaml.safe_load(block.text)}
    path = folder / "tls.yaml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def test_the_profile_of_the_page_is_one(tmp_path: Path) -> None:
    """With every other rule beside them, the rules that the page shows are a profile."""
    path = profile_of(tmp_path)

    assert read_profile(path, f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}").rules.name == "acme"


def test_the_waiver_of_the_page_is_in_order(tmp_path: Path) -> None:
    """The file is read and nothing is wrong in it, on a day within its life."""
    (block,) = [block for block in blocks("yaml") if block.kind == "waivers"]
    (tmp_path / "waivers.yaml").write_text(block.text, encoding="utf-8")

    assert read_waivers(tmp_path, SPECS, datetime(2026, 11, 25, tzinfo=UTC)).waivers[0].id == "W-2026-012"


@pytest.mark.parametrize("name", ["notes", "items"])
def test_strangers_are_described_as_documented(tmp_path: Path, name: str) -> None:
    """The examples of the documentation are the very descriptions by which a sound stranger is let through."""
    text = (ROOT / "tests" / "strangers" / "environments" / f"{name}.yaml").read_text(encoding="utf-8")
    own = read(tmp_path, text.replace("ADDRESS", "127.0.0.1"))
    documented = [read(tmp_path, block.text) for block in WHOLE if block.page == "docs/environment.md"]
    # Where the service is, and whose certificate it shows, differs.
    where = {"environment": own.environment, "targets": own.targets, "tls": own.tls}

    assert own in [example.model_copy(update=where) for example in documented]


def test_the_fifteen_lines_reach_a_decision(tmp_path: Path) -> None:
    """The gate lets a small sound service through that is described by the first example, every word of it understood.

    In a network of its own: whoever listens at every address of the machine would be an open port of the service's.
    """
    require_network(as_root_of_our_own(), ("unshare", "ip", "nft", "nmap"))
    decided = play_alone(as_root_of_our_own(), "tests.strangers.fifteen_lines", (str(tmp_path),), 300)

    assert decided["decision"] == "GO", decided["output"]
    assert decided["code"] == 0
    assert "NET-008" in decided["passed"]
    assert decided["kept"] == ["S05", "S15"]


def test_the_check_of_the_page_runs(tmp_path: Path) -> None:
    """Copied as it is into a company's folder, it judges a real service."""
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "test_own.py").write_text(OWN.text, encoding="utf-8")
    with stage.django_notes(tmp_path, PEOPLE) as stranger:
        environment = stranger.describe(here() + "suites: [checks]\n")
        checked = stage.check(environment, "ACM-001")

    assert checked.ids("failed") == {"ACM-001"} or checked.ids("passed") == {"ACM-001"}, checked.output
    assert "Referrer-Policy" in checked.words or checked.code == 0


def test_the_journey_of_the_page_is_the_one_that_ships() -> None:
    """Every line of the excerpt stands in the file that the page names, in that order."""
    shown = [line.strip().strip('"') for line in JOURNEY.text.splitlines() if line.strip() not in {"", "..."}]
    path = shipped("environments") / "staging.example" / "journeys" / "test_vouchers.py"
    there = [line.strip().strip('"') for line in path.read_text(encoding="utf-8").splitlines()]
    places = [there.index(line) for line in shown if line in there]

    assert [line for line in shown if line not in there] == []
    assert places == sorted(places)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_is_one_that_the_program_takes(page: str) -> None:
    """Options and arguments of every `stagehold …` in a console block parse as the command line does."""
    for block in blocks("console"):
        if block.page != page:
            continue
        for line in block.text.splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True) if line.startswith("$ ") else [""]
            if words[0].rpartition("/")[2] == "stagehold":
                assert _parser().parse_args(words[1:]).command == words[1], line


@pytest.mark.parametrize("page", PAGES)
def test_every_check_that_a_page_names_exists(page: str) -> None:
    """Ids with the letters of a suite are those of checks that ship."""
    known = {spec.id for spec in SPECS} | OF_COMPANIES
    letters = {check[:4] for check in known}
    named_ = set(re.findall(r"\b[A-Z]{3}-\d{3}\b", (ROOT / page).read_text(encoding="utf-8")))

    assert {check for check in named_ if check[:4] in letters} <= known


def test_every_fixture_that_a_page_names_exists() -> None:
    """The tables of fixtures name what the plug-in has, and the examples ask for nothing else."""
    modules = [importlib.import_module(f"stagehold.plugin.{name}") for name in MODULES]
    known = {
        name for module in modules for name, value in vars(module).items()
        if type(value).__name__ == "FixtureFunctionDefinition"
    }  # fmt: skip
    assert len(known) > 50
    for page in ("docs/writing-a-check.md", "docs/writing-a-journey.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        table = text.partition("| fixture | what it is |")[2].partition("\n\n")[0]
        cells = [row.split("|")[1] for row in table.splitlines()[2:] if row.count("|") > 1]
        listed = {name for cell in cells for name in re.findall(r"`(\w+)", cell)}
        assert listed
        assert listed - known == set(), page
    for block in (OWN, JOURNEY):
        (asked,) = re.findall(r"^def test_\w+\((.*?)\)", block.text, re.MULTILINE)
        assert set(asked.split(", ")) <= known
