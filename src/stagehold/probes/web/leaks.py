"""What an answer tells of the inside: traces, SQL, paths, hosts, debug pages; pure.

Each pattern asks for the structure of such text and not for words like "exception", which help texts hold too.
Sources: ASVS 16.5.1 and 13.4.2; WSTG-ERRH-01, WSTG-ERRH-02; CWE-209.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bs4 import BeautifulSoup, Comment

from stagehold.probes.web.reply import Reply

_EXCERPT = 60
_PRIVATE = r"(?:10\.\d{1,3}|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d{1,3}\.\d{1,3}"


@dataclass(frozen=True)
class Leak:
    """One thing told; `excerpt` is the beginning of it."""

    kind: str
    excerpt: str

    def __str__(self) -> str:
        return f"{self.kind} ({self.excerpt!r})"


def _patterns(kind: str, *expressions: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((kind, re.compile(expression)) for expression in expressions)


_TEXT = (
    *_patterns(
        "a Python trace",
        r"Traceback \(most recent call last\)",
        r'File "[^"\n]+", line \d+',
        r"\b[A-Z]\w*(?:Error|Exception)\((?:\\?['\"]|\))",
        r"invalid literal for int\(\) with base",
    ),
    *_patterns(
        "a Java trace",
        r"\bat [\w.$<>]+\((?:[\w$]+\.(?:java|kt|scala|groovy):\d+|Native Method|Unknown Source)\)",
        r"\b(?:java|javax|jakarta|kotlin|org\.springframework|org\.hibernate|com\.fasterxml)(?:\.\w+)+(?:Exception|Error)\b",
    ),
    *_patterns(
        "a JavaScript trace",
        r"\bat (?:(?:async |new )?[\w.$<>\[\] ]+ )?\(?(?:file://|node:|webpack(?:-internal)?://|/|[A-Za-z]:\\)[^\s()]*:\d+:\d+\)?",
        r"(?:^|[\s/\\])node_modules[/\\][\w@.-]+[/\\]",
    ),
    *_patterns(
        "a PHP error",
        r"(?:Fatal error|Warning|Notice|Parse error|Deprecated|Recoverable fatal error): .{1,400}? in \S+ on line \d+",
        r"#\d+ \S+\.php\(\d+\): ",
        r"\b(?:Illuminate|Symfony|Doctrine|Laminas|Zend|CodeIgniter|yii)\\\w+(?:\\\w+)*",
    ),
    *_patterns("a Ruby trace", r"[\w/.-]+\.rb:\d+:in [`']", r"\bA(?:ction|ctive)(?:Controller|Record|View)::\w+"),
    *_patterns(
        "a .NET trace",
        r"\bat [\w.`<>+]+(?:\[[\w,]+\])?\([^)\n]*\) in \S.*?:line \d+",
        r"\bSystem\.(?:\w+\.)*\w+Exception\b",
        r"\bat (?:System|Microsoft)\.[\w.`<>+]+\([^)\n]*\)",
    ),
    *_patterns(
        "a Go trace", r"\bgoroutine \d+ \[[\w ]+\]:", r"\bpanic: (?:runtime error|\S+)", r"\w[\w/.-]*\.go:\d+\b"
    ),
    *_patterns(
        "a Rust trace", r"thread '[^']*' (?:\(\d+\) )?panicked at", r"\b(?:src|\.cargo)/[\w/.-]+\.rs:\d+(?::\d+)?"
    ),
    *_patterns("an Elixir trace", r"\blib/[\w/.-]+\.exs?:\d+", r"\*\* \([A-Z]\w+(?:\.\w+)*Error\)"),
    *_patterns("a Perl error", r"\bat \S+\.p[lm] line \d+"),
    *_patterns(
        "SQL or a database's message",
        r"SQLSTATE\s?\[?\w{5}\]?",
        r"\bORA-\d{5}\b",
        r"You have an error in your SQL syntax",
        r'\bsyntax error at or near "',
        r"\bPG::\w+",
        r"\b(?:psycopg2?|asyncpg|pymysql|MySQLdb|sqlite3|sqlalchemy|pyodbc|cx_Oracle|pymongo)\.\w*(?:\.?\w+)*(?:Error|exc|errors)\b",
        r"\bSQLITE_(?:ERROR|CONSTRAINT|MISUSE)\b",
        r'\bnear ".{1,40}": syntax error',
        r"Unclosed quotation mark after the character string",
        r"\bDuplicate entry '.*' for key\b",
        r"\bviolates (?:unique|foreign key|not-null|check) constraint\b",
        r"\bno such (?:table|column): \w+",
        r"\brelation \"\w+\" does not exist",
        r"(?i)\bselect\b[^\n]{1,400}\bfrom\b\s+[\w.\"`\[\]]+[^\n]{0,400}?\b(?:where|limit|order by|group by|join)\b",
        r"(?i)\binsert into\s+[\w.\"`]+\s*\([^)]{1,400}\)\s*values\b",
        r"(?i)\b(?:update\s+[\w.\"`]+\s+set|delete from\s+[\w.\"`]+\s+where)\b",
        r"\bMongo(?:Server|Network|)Error\b",
    ),
    *_patterns(
        "a debug page",
        r"because you have DEBUG = True",
        r"Using the URLconf defined in",
        r"Werkzeug Debugger|__debugger__|EVALEX\s*=\s*true",
        r"Whoops, looks like something went wrong|Whoops! There was an error",
        r"Action Controller: Exception caught|Rails\.root:",
        r"Server Error in '[^']*' Application",
        r"An unhandled exception occurred while processing the request",
        r"Better Errors|Symfony Exception|DebugKit|Tracy\b.{0,40}\bException",
        r"\bX-Debug-(?:Token|Exception)\b",
        r"\bWhitelabel Error Page[\s\S]{0,800}?\bat [\w.$]+\(",
    ),
    *_patterns(
        "a path of the server's disk",
        r"(?<![\w/:.\"'=-])/(?:usr/(?:lib|local|share|src|bin|app)|var/(?:www|lib|task|app|log|runtime)|home/[\w.-]+|opt"
        r"|srv|root|Users/[\w.-]+|etc|nix/store|workspace|proc/\d+)/[\w.@+-]+(?:/[\w.@+-]+)*",
        r"(?<![\w/:.-])/(?:app|code|src|build|usr|mnt|data|tmp)/(?:[\w.@+-]+/)*[\w.@+-]+\.(?:py|rb|php|java|go|rs|ts|cs|jar|ex|pl|sock|sqlite3?|conf|ya?ml)\b",
        r"(?<!\w)[A-Za-z]:\\(?:inetpub|Users|Windows|Program Files|wwwroot|\w+)\\[\w.\\ -]+",
        r"\bsite-packages/\w+",
    ),
    *_patterns(
        "a host of the inside",
        r"\b(?:[a-z0-9-]+\.)+(?:internal|local|localdomain|lan|corp|intranet|svc\.cluster\.local)\b(?!\.\w|/)",
        rf"\b{_PRIVATE}:\d{{2,5}}\b",
        rf"(?i)\b(?:upstream|connect(?:ion)?(?: refused)? to|could not connect to|host[:=])\s*[\"'(]*{_PRIVATE}\b",
        r"\b(?:localhost|127\.0\.0\.1):\d{2,5}\b",
        r"\bip-\d+-\d+-\d+-\d+\b",
    ),
)
_CORRELATION_NAME = re.compile(
    r"(?:^|[-_.])(?:request|correlation|trace|error|incident|event|activity|transaction|operation|reference|ref)[-_.]?"
    r"(?:id|no|number|code|ref)?$|^(?:traceparent|cf-ray|x-b3-traceid|x-amzn-trace-id|x-amz-cf-id|x-vercel-id|x-trace)$",
    re.IGNORECASE,
)
_IDENTIFIER = re.compile(
    r"(?<![\w-])(?=[\w-]*\d)(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9A-Za-z_-]{8,64})(?![\w-])"
)
_LABELLED = re.compile(
    r"\b(?:request|correlation|trace|error|incident|event|reference|support|case|ticket)\b[\s#:_-]*"
    r"(?:id|no\.?|number|code|reference)?\W{0,6}(?=[\w-]*\d)[0-9A-Za-z_-]{6,64}\b|(?<![\w-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|(?<![\w-])(?=[0-9a-f]*\d)[0-9a-f]{16,64}(?![\w-])",
    re.IGNORECASE,
)


def find_leaks(reply: Reply, known: frozenset[str] = frozenset()) -> tuple[Leak, ...]:
    """Everything a response tells of the inside, one of each kind.

    Args:
        reply: the response; its header fields are looked at too.
        known: host names and addresses that whoever asks knows anyway, such as the target's own.
    """
    text = _readable(reply)
    found: dict[str, Leak] = {}
    for kind, pattern in _TEXT:
        for match in pattern.finditer(text):
            if kind not in found and not any(name in match[0] for name in known):
                found[kind] = Leak(kind, " ".join(match[0].split())[:_EXCERPT])
    return tuple(found.values())


def correlation_id(reply: Reply) -> str:
    """Where a response names itself, so that its error can be found in the log; empty when it does not."""
    for name, value in reply.fields:
        if _CORRELATION_NAME.search(name) and _IDENTIFIER.search(value):
            return f"header {name}"
    document = _document(reply)
    for key, value in _pairs(document):
        if _CORRELATION_NAME.search(key) and isinstance(value, str | int) and len(str(value)) >= 6:  # noqa: PLR2004
            return f"field {key}"
    if document is None and _LABELLED.search(_readable(reply, fields=False)):
        return "text"
    return ""


def _readable(reply: Reply, *, fields: bool = True) -> str:
    """What a person reads: strings of JSON, text and comments of HTML, else the text; and the header fields."""
    heads = "\n".join(f"{name}: {value}" for name, value in reply.fields) if fields else ""
    document = _document(reply)
    if document is not None:
        body = "\n".join(text for key, value in _pairs(document) for text in (key, str(value)))
    elif reply.is_html:
        page = BeautifulSoup(reply.text, "html.parser")
        for tag in page(["script", "style"]):
            tag.decompose()
        comments = "\n".join(page.find_all(string=lambda text: isinstance(text, Comment)))
        body = "\n".join([page.get_text(" "), re.sub(r"\s+", " ", page.get_text("")), comments])
    else:
        body = html.unescape(reply.text)
    return f"{heads}\n{body}"


def _document(reply: Reply) -> Any:
    try:
        value = json.loads(reply.body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def _pairs(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _pairs(item, str(key))
    elif isinstance(value, list):
        for item in value:
            yield from _pairs(item, name)
    elif value is not None:
        yield name, value
