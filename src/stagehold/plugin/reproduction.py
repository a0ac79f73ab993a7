"""Completes the command lines of reproductions with what the run knows, so that they work as copied.

That is: the pinned address of a name, the declared CA, the environment's own file, and the way to the place from
which was looked. It holds for commands of a company's own checks as well.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from stagehold.code_places import place
from stagehold.command_lines import resolve
from stagehold.context import LaneContext
from stagehold.environment.model import Environment
from stagehold.errors import StageholdError
from stagehold.gate.vantage import PRIMARY

_SENDERS = ("curl", "nmap", "openssl s_client", "sslyze", "dig", "ldapwhoami", "psql", "ssh", "bash")
_SENDER = re.compile(rf"\s*(?:sudo )?(?P<tool>{'|'.join(_SENDERS)})(?=\s)")
_URL = re.compile(r"https?://[^\s'\"\\$]+")
_OWN = re.compile(r"\s*(?P<own>stagehold check ENV(?:IRONMENT)?)(?=\s)")
_ENDS = "|;&()\n"
_PINNED = ("--resolve", "--connect-to")
_TRUSTING = re.compile(r"\s(-\w*k\w*|--insecure|--cacert)\b")
"""Options by which curl needs no CA of ours."""
_WHOLE_MAP = "4294967295"


@dataclass(frozen=True)
class Completion:
    """What commands lack."""

    context: LaneContext
    check: str = ""
    """Whose command it is."""

    def __call__(self, command: str, vantage: str = "") -> str:
        """The command as it works where this run was started; it looks from the given place, or from the outside."""
        declared = self.context.environment.vantage.get(vantage)
        if declared is not None and declared.agent.startswith("ssh:"):
            config = ["-F", place(self.context.folder / declared.ssh_config)] if declared.ssh_config else []
            name = declared.agent.removeprefix("ssh:")
            return f"ssh {shlex.join([*config, name])} {shlex.quote(command)}"
        lacking = [tool for part in _parts(command) if (tool := _tool(part)) and _found(tool) is None]
        if lacking:
            told = " ".join(command.replace("#", ";").split())
            command = f"stagehold check ENVIRONMENT {self.check}  # with {lacking[0]} installed: {told}"
        way = way_to(self.context.environment, self.context.folder, vantage or PRIMARY)
        return "".join(self._part(part, way) for part in _parts(command))

    def _part(self, part: str, way: str) -> str:
        if own := _OWN.match(part):
            path = shlex.quote(place(self.context.environment_file))
            begin = part[: own.start("own")]
            return f"{begin}{_found('stagehold') or 'stagehold'} check {path}{part[own.end('own') :]}"
        sent = _SENDER.match(part)
        if sent is None:
            return part
        start, end = sent.start("tool"), sent.end("tool")
        tool, rest = sent["tool"], part[end:]
        if tool == "nmap" and "-sU" in rest and "sudo" not in part[:start] and not way and os.geteuid() != 0:
            way = "sudo "  # asks for UDP without raw sockets are refused by nmap
        added = self._curl(rest) if tool == "curl" else self._s_client(rest) if tool == "openssl s_client" else []
        options = "".join(f" {word}" for word in added)
        name, _, command = tool.partition(" ")
        return f"{part[:start]}{way}{_found(name) or name}{f' {command}' if command else ''}{options}{rest}"

    def _curl(self, rest: str) -> list[str]:
        urls = _URL.findall(rest)
        pinned = any(option in rest for option in _PINNED)
        pins = {} if pinned else {tuple(pin): pin for url in urls if (pin := self._pin(url))}
        added = [word for pin in pins.values() for word in pin]
        if any(url.startswith("https:") for url in urls) and not _TRUSTING.search(rest):
            added += self._authority("--cacert")
        return added

    def _pin(self, url: str) -> list[str]:
        try:
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
            address = self.context.network.dial(parts.hostname or "", port)
        except (StageholdError, ValueError):
            return []  # not declared: the check named it, and nothing is known of it
        return [shlex.quote(word) for word in resolve(url, address)]

    def _s_client(self, rest: str) -> list[str]:
        return [] if "-CAfile" in rest else self._authority("-CAfile")

    def _authority(self, option: str) -> list[str]:
        try:
            path = self.context.ca_file
        except StageholdError:
            return []
        return [option, shlex.quote(place(path))] if path is not None else []


def _tool(part: str) -> str:
    sent = _SENDER.match(part)
    return sent["tool"].partition(" ")[0] if sent else ""


def _found(tool: str) -> str | None:
    """How a tool is started here: by its name, or by its path where it came with stagehold; None when it is missing."""
    if shutil.which(tool) is not None:
        return tool
    beside = Path(sys.executable).with_name(tool)
    return shlex.quote(place(beside)) if beside.is_file() else None


def way_to(environment: Environment, folder: Path, vantage: str) -> str:
    """What is put before a command to run it in the network namespace of a vantage; "" where that is here."""
    declared = environment.vantage.get(vantage)
    if declared is None or not declared.agent.startswith("netns:"):
        return ""
    file = folder / declared.agent.removeprefix("netns:")
    joins = " --user --preserve-credentials" if _apart(file) else ""
    return f'nsenter -t "$(cat {shlex.quote(str(file.resolve()))})" --net{joins} -- '


def _apart(file: Path) -> bool:
    """Whether the namespace belongs to a user namespace of its own, which must be joined first."""
    try:
        mapped = Path(f"/proc/{int(file.read_text(encoding='ascii'))}/uid_map").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return True
    return mapped[2:3] != [_WHOLE_MAP]


def _parts(command: str) -> Iterator[str]:
    """The commands of a line and what stands between them; a comment is a part of its own."""
    quote, begin, index = "", 0, 0
    while index < len(command):
        sign = command[index]
        if quote:
            if sign == quote and (quote == "'" or command[index - 1] != "\\"):
                quote = ""
        elif sign in "'\"":
            quote = sign
        elif sign == "#" and (index == 0 or command[index - 1].isspace()):
            end = command.find("\n", index)
            end = len(command) if end < 0 else end
            yield command[begin:index]
            yield command[index:end]
            begin = index = end
        elif sign in _ENDS:
            yield command[begin : index + 1]
            begin = index + 1
        index += 1
    yield command[begin:]
