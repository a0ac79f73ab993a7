"""Command lines by which a third party sees what a check saw: one builder for each tool, legal in any POSIX shell.

Secrets never stand in them. A placeholder is a variable of the shell in double quotes, and a comment at the end of
the line says what to set it to. Addresses that are pinned, the declared CA and the way to the vantage are put in by
`plugin.reproduction`, which knows the run.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlsplit

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_REPEATED = re.compile(r"([A-Za-z0-9])\1{199,}")
_PORTS = {"https": 443, "http": 80}


def variable(text: str) -> str:
    """A legal name of a shell variable made of a text: `alder.editor` is `ALDER_EDITOR`."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_").upper()
    return f"_{name}" if name[:1].isdigit() or not name else name


def quoted(text: str, *, fill: bool = False) -> str:
    """The text as one word of a shell.

    Args:
        text: what the word is.
        fill: `{id}` stands for something that is filled in: it becomes `"$ID"`.
    """
    long = _REPEATED.search(text)
    if long:  # nobody can copy nine thousand letters
        made = f"\"$(head -c {len(long[0])} /dev/zero | tr '\\0' {long[1]})\""
        return _joined(quoted(text[: long.start()], fill=fill), made, quoted(text[long.end() :], fill=fill))
    if not fill or not _PLACEHOLDER.search(text):
        return shlex.quote(text)
    parts = _PLACEHOLDER.split(text)
    return _joined(*(f'"${variable(part)}"' if number % 2 else shlex.quote(part) for number, part in enumerate(parts)))


def _joined(*words: str) -> str:
    return "".join(word for word in words if word != "''") or "''"


def curl(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    credentials: Sequence[str] = (),
    options: Sequence[str] = (),
    body: str | None = None,
    form: Mapping[str, str] | None = None,
    address: str = "",
    fill: bool = False,
    notes: Sequence[str] = (),
) -> str:
    """One request by curl, as HTTP/1.1 and with the whole answer shown.

    Args:
        url: what is asked for.
        method: of the request.
        headers: names and values, none of them secret.
        credentials: words of the shell that hold placeholders, as `header_of` and `cookie_of` make them.
        options: further options of curl.
        body: what is sent, as it is.
        form: fields that are sent as a form.
        address: the address to connect to, where one of several is meant; default: the pinned one.
        fill: whether `{id}` in URL and body is a placeholder.
        notes: what to set placeholders to.
    """
    words = ["curl", "-sSi", "--http1.1", *map(shlex.quote, options)]
    if method != "GET":
        words += ["-X", shlex.quote(method)]
    if method == "HEAD":
        words[-2:] = ["--head"]
    named = headers.items() if isinstance(headers, Mapping) else headers
    for name, value in named:
        words += ["-H", quoted(f"{name}: {value}" if value else f"{name};", fill=fill)]
    words += credentials
    for name, value in (form or {}).items():
        words += ["--data-urlencode", quoted(f"{name}={value}", fill=fill)]
    if body is not None:
        words += ["--data-binary", quoted(body, fill=fill)]
    if address:
        words += map(shlex.quote, resolve(url, address))
    if re.search(r"[][{}]", url):
        words.append("-g")
    words.append(quoted(url, fill=fill))
    missing = _PLACEHOLDER.findall(" ".join([url, body or "", *(form or {}).values()])) if fill else []
    told = [*notes, *(f"{variable(name)} is {_WORDS.get(name, 'yours to choose')}" for name in dict.fromkeys(missing))]
    return with_notes(" ".join(words), told)


_WORDS = {
    "id": "the id of such an object",
    "canary": "a word that is nowhere else",
    "run": "a word of your own",
    "user": "the user's name",
    "password": "the password",
}


def with_notes(command: str, notes: Iterable[str]) -> str:
    """The command with a comment that says what to set its placeholders to."""
    told = "; ".join(" ".join(note.split()) for note in dict.fromkeys(notes) if note)
    return f"{command}  # {told}" if told else command


def resolve(url: str, address: str) -> list[str]:
    """Options that connect to this address and ask by the name in the URL; none where the URL names an address."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if ":" in host or re.fullmatch(r"[0-9.]+", host) or not host:
        return []
    shown = f"[{address}]" if ":" in address else address
    return ["--resolve", f"{host}:{parts.port or _PORTS.get(parts.scheme, 80)}:{shown}"]


def header_of(alias: str) -> tuple[str, str]:
    """The option of curl that sends a session's header, and what to set its placeholder to."""
    name = f"CREDENTIALS_OF_{variable(alias)}"
    told = f"{name} is the header of a session of {alias}, such as Cookie: NAME=VALUE or Authorization: Bearer TOKEN"
    return f'-H "${name}"', told


def credential(kind: str, name: str, placeholder: str, *, before: str = "") -> str:
    """The option of curl that sends a header or a cookie of that name; its value is `before` and a placeholder."""
    option, sign = ("-H", ": ") if kind == "header" else ("-b", "=")
    inside = re.sub(r'([\\"$`])', r"\\\1", f"{name}{sign}{before}")
    return f'{option} "{inside}${placeholder}"'


def nmap(address: str, ports: Sequence[int] | None = None, *options: str) -> str:
    """A scan of some ports of an address, or of all."""
    words = ["nmap", *(("-6",) if ":" in address else ()), "-Pn", "-n", *options]
    words.append("-p-" if ports is None else f"-p {','.join(map(str, ports))}")
    return " ".join([*words, address])


def s_client(address: str, port: int, name: str, starttls: str | None = None) -> str:
    """A handshake by OpenSSL with a name at an address; options may follow."""
    dialled = shlex.quote(f"[{address}]:{port}" if ":" in address else f"{address}:{port}")
    upgrade = f" -starttls {starttls}" if starttls else ""
    return f"openssl s_client -connect {dialled} -servername {shlex.quote(name)}{upgrade}"
