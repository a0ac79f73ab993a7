"""Content-Security-Policy as a browser reads it, pure: parsing, fallbacks, and what several policies leave open.

Source: W3C Content Security Policy Level 3, sections 2.2.1, 2.2.2, 3.3, 4.2.6, 6.1, 6.7.2, 6.7.3.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString, PageElement, PreformattedString

from stagehold.probes.web.reply import Reply

HEADER = "Content-Security-Policy"
_META_IGNORES = {"frame-ancestors", "report-uri", "sandbox"}
_BLANK = re.compile(r"[\t\n\f\r ]+")
_IN_HEAD = {"html", "head", "meta", "title", "link", "style", "base", "template", "noscript"}
_BASE64 = r"[A-Za-z0-9+/_-]+={0,2}"
_NONCE = re.compile(rf"'nonce-({_BASE64})'", re.IGNORECASE)
_HASH = re.compile(rf"'sha(?:256|384|512)-{_BASE64}'", re.IGNORECASE)
_ANY_HOST = re.compile(r"(?:(?:https?|wss?)://)?\*(?::[0-9*]+)?(?:/.*)?", re.IGNORECASE)
_FALLBACK = {
    "script-src-elem": ("script-src-elem", "script-src", "default-src"),
    "script-src-attr": ("script-src-attr", "script-src", "default-src"),
    "script-src": ("script-src", "default-src"),
    "object-src": ("object-src", "default-src"),
    "base-uri": ("base-uri",),
}
SourceList = tuple[str, ...] | None
"""Lower-case expressions but for nonces and hashes; None: no directive limits it."""


@dataclass(frozen=True)
class Policy:
    """One enforced policy: directive name to its values."""

    directives: tuple[tuple[str, tuple[str, ...]], ...]
    text: str

    def effective(self, name: str) -> SourceList:
        """The source list in force for a directive, fallbacks included."""
        held = dict(self.directives)
        return next((held[step] for step in _FALLBACK[name] if step in held), None)

    @property
    def nonces(self) -> frozenset[str]:
        """Every nonce that opens scripts."""
        lists = [self.effective(name) or () for name in ("script-src-elem", "script-src")]
        return frozenset(match[1] for values in lists for v in values if (match := _NONCE.fullmatch(v)))

    @property
    def runs_no_scripts(self) -> bool:
        """Sandboxed without `allow-scripts`."""
        sandbox = dict(self.directives).get("sandbox")
        return sandbox is not None and "allow-scripts" not in sandbox


def parse(serialized: str, *, meta: bool = False) -> Policy | None:
    """Read one serialized policy; the first directive of a name counts. None: it holds no directive.

    Only ASCII blanks separate, and browsers skip a directive with any other character, such as a no-break space.
    """
    directives: dict[str, tuple[str, ...]] = {}
    for part in serialized.split(";"):
        name, *values = _BLANK.split(part.strip("\t\n\f\r ")) if part.isascii() else [""]
        name = name.lower()
        if name and name not in directives and not (meta and name in _META_IGNORES):
            directives[name] = tuple(map(_normal, values))
    return Policy(tuple(directives.items()), " ".join(serialized.split())) if directives else None


def enforced(reply: Reply) -> tuple[Policy, ...]:
    """Every enforcing policy of a response: header fields, each possibly a list, and meta elements in its head.

    Report-Only fields are left out, because browsers block nothing for them.
    """
    found = [parse(item) for value in reply.values(HEADER) for item in value.split(",")]
    return tuple(policy for policy in (*found, *_in_head(reply)) if policy is not None)


def _in_head(reply: Reply) -> list[Policy | None]:
    """A meta element counts in the head only, and does nothing about scripts that stand before it."""
    found: list[Policy | None] = []
    for item in BeautifulSoup(reply.text, "html.parser").descendants:
        if _ends_head(item):
            break
        if not isinstance(item, Tag) or item.name != "meta" or _is_inert(item):
            continue
        if _attribute(item, "http-equiv").lower() == HEADER.lower():
            found.append(parse(_attribute(item, "content"), meta=True))
    return found


def _ends_head(item: PageElement) -> bool:
    """Text and elements that belong into the body begin it, with or without a tag of its own."""
    if item.find_parent(["template", "noscript"]) is not None:
        return False
    if isinstance(item, Tag):
        return item.name not in _IN_HEAD
    words = isinstance(item, NavigableString) and not isinstance(item, PreformattedString) and item.strip()
    return bool(words) and item.find_parent(["title", "style"]) is None


def without_nonces(text: str) -> str:
    """A policy's text with its nonces masked."""
    return _NONCE.sub("'nonce-…'", text)


def complaints(policies: Sequence[Policy]) -> tuple[str, ...]:
    """What all enforced policies together leave open; something is open only when every one of them allows it."""
    if not policies:
        return ("no enforcing Content-Security-Policy",)
    found = []
    if not any(policy.runs_no_scripts for policy in policies):
        if all(policy.effective("script-src-elem") is None for policy in policies):
            found.append("neither script-src nor default-src limits scripts")
        else:
            found += [words for words, opens in _OPENINGS if any(all(map(one, policies)) for one in opens)]
    if not any(_is_none(policy.effective("object-src")) for policy in policies):
        found.append("object-src (or default-src) is not 'none'")
    if not any(_holds_base(policy.effective("base-uri")) for policy in policies):
        found.append("base-uri is neither 'none' nor 'self'")
    return tuple(found)


def _allows_inline(sources: SourceList) -> bool:
    """`Does a source list allow all inline behavior?`: a nonce, a hash or strict-dynamic ends 'unsafe-inline'."""
    if sources is None:
        return True
    if any(_NONCE.fullmatch(s) or _HASH.fullmatch(s) or s == "'strict-dynamic'" for s in sources):
        return False
    return "'unsafe-inline'" in sources


def _opens_elements(policy: Policy) -> bool:
    return _allows_inline(policy.effective("script-src-elem"))


def _opens_attributes(policy: Policy) -> bool:
    return _allows_inline(policy.effective("script-src-attr"))


def _opens_eval(policy: Policy) -> bool:
    sources = policy.effective("script-src")
    return sources is None or "'unsafe-eval'" in sources


def _opens_data(policy: Policy) -> bool:
    return any(source == "data:" for source in _addresses(policy))


def _opens_any_host(policy: Policy) -> bool:
    return any(source in {"http:", "https:"} or bool(_ANY_HOST.fullmatch(source)) for source in _addresses(policy))


def _addresses(policy: Policy) -> tuple[str, ...]:
    """Where script files may come from; `strict-dynamic` makes browsers ignore hosts and schemes."""
    sources = policy.effective("script-src-elem")
    if sources is None:
        return ("*", "data:")
    return () if "'strict-dynamic'" in sources else sources


_OPENINGS: tuple[tuple[str, tuple[Callable[[Policy], bool], ...]], ...] = (
    ("any inline script may run ('unsafe-inline' without nonce or hash)", (_opens_elements, _opens_attributes)),
    ("text may be run as script ('unsafe-eval')", (_opens_eval,)),
    ("scripts may come from data: URLs", (_opens_data,)),
    ("scripts may come from any host (*, http: or https:)", (_opens_any_host,)),
)
"""Each way to run a script; it is open when every policy leaves that very way open."""


def _is_none(sources: SourceList) -> bool:
    """`'none'` counts only alone; an empty list matches nothing either."""
    return sources is not None and set(sources) <= {"'none'"}


def _holds_base(sources: SourceList) -> bool:
    return sources is not None and set(sources) <= {"'none'", "'self'"}


def _normal(expression: str) -> str:
    return expression if _NONCE.fullmatch(expression) or _HASH.fullmatch(expression) else expression.lower()


def _is_inert(tag: Tag) -> bool:
    return tag.find_parent(["template", "noscript"]) is not None


def _attribute(tag: Tag, name: str) -> str:
    return str(tag.get(name) or "").strip()
