"""How the inside of a service looks in text: traces, SQL, paths, hosts, debug pages.

Each pattern asks for the structure of such text and not for words like "exception", which help texts hold too.
Sources: ASVS 16.5.1 and 13.4.2; WSTG-ERRH-01, WSTG-ERRH-02; CWE-209; the error pages of the products named.
"""

from __future__ import annotations

import re

PATH, HOST = "a path of the server's disk", "a host of the inside"
ON_ERRORS_ONLY = frozenset({PATH, HOST})
"""Kinds that any page may hold, an installation guide say."""
_PRIVATE = r"(?:10\.\d{1,3}|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d{1,3}\.\d{1,3}"


# A whole clause each: "select", "from" and "where" occur in any sentence that tells people what to do.
_NAME = r"[\w.\"`\[\]]+"
_CONDITION = rf"{_NAME}\s*(?:[=<>]|!=|(?:not\s+)?(?:like|ilike|in|between)\b|is\s+(?:not\s+)?null\b)"
_STATEMENTS = (
    (
        rf"(?:\bselect\s+.{{1,400}}?\bfrom\s+{_NAME}(?:\s+(?:as\s+)?\w+)?\s+"
        rf"(?:where\s+{_CONDITION}|limit\s+[\d?$:]|(?:order|group)\s+by\s+{_NAME}(?:\s+(?:asc|desc|limit|having|offset)\b|\s*[,;)]|\s*$)"
        rf"|(?:(?:inner|left|right|full|outer|cross)\s+)*join\s+{_NAME}(?:\s+(?:as\s+)?\w+)?\s+(?:on|using)\b))"
    ),
    rf"\binsert\s+into\s+{_NAME}\s*\([^)]{{1,400}}\)\s*values\b",
    rf"\bupdate\s+{_NAME}\s+set\s+{_NAME}\s*=",
    rf"\bdelete\s+from\s+{_NAME}\s+where\s+{_CONDITION}",
)


def _patterns(kind: str, *expressions: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((kind, re.compile(expression)) for expression in expressions)


PATTERNS = (
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
        r"\bjava\.(?:lang|util|io|sql|time|math)\.[A-Z]\w+",
    ),
    *_patterns(
        "a JavaScript trace",
        r"\bat (?:(?:async |new )?[\w.$<>\[\] ]{1,120} )?\(?(?:file://|node:|webpack(?:-internal)?://|/|[A-Za-z]:\\)[^\s()]*:\d+:\d+\)?",
        r"(?:^|[\s/\\])node_modules[/\\][\w@.-]+[/\\]",
    ),
    *_patterns(
        "a PHP error",
        r"(?:Fatal error|Warning|Notice|Parse error|Deprecated|Recoverable fatal error): "
        r"[\s\S]{1,600}? in \S+ on line \d+",
        r"#\d+ \S+\.php\(\d+\): ",
        r"\b(?:Illuminate|Symfony|Doctrine|Laminas|Zend|CodeIgniter|yii)\\\w+(?:\\\w+)*",
        r"\bApp\\(?:Models|Http|Entity|Controller|Repository)\\\w+",
    ),
    *_patterns("a Ruby trace", r"[\w/.-]+\.rb:\d+:in [`']", r"\bA(?:ction|ctive)(?:Controller|Record|View)::\w+"),
    *_patterns(
        "a .NET trace",
        r"\bat [\w.`<>+]+(?:\[[\w,]+\])?\([^)\n]*\) in \S.*?:line \d+",
        r"\bSystem\.(?:\w+\.)*\w+Exception\b",
        r"\bat (?:System|Microsoft)\.[\w.`<>+]+\([^)\n]*\)",
    ),
    *_patterns(
        "a Go trace",
        r"\bgoroutine \d+ \[[\w ]+\]:",
        r"\bpanic: (?:runtime error|interface conversion|assignment to entry)",
        r"\w[\w/.-]*\.go:\d+\b",
        r"\bstrconv\.\w+: parsing ",
        r"\bjson: cannot unmarshal \w+ into Go ",
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
        r"\binvalid input syntax for (?:type )?\w+",
        r"\b(?:integer|bigint|smallint|numeric|value) out of range(?: for type \w+)?\b|\bvalue too long for type \w+",
        r"\bUnknown column '[^'\n]{1,80}' in\b|\bIncorrect (?:integer|datetime|string) value: ",
        r"\bsql: (?:no rows in result set|Scan error)|\bpq: \w+",
        *(rf"(?ism){statement}" for statement in _STATEMENTS),
        r"\bMongo(?:Server|Network|)Error\b",
    ),
    *_patterns(
        "a debug page",
        r"because you have DEBUG = True",
        r"Using the URLconf defined in",
        r"Werkzeug Debugger|__debugger__|EVALEX\s*=\s*true",
        r"Whoops! There was an error[\s\S]{0,4000}?\bStack frames\b",
        r"Action Controller: Exception caught|Rails\.root:",
        r"Server Error in '[^']*' Application[\s\S]{0,4000}?"
        r"\b(?:Exception Details|Source Error|Source File|Stack Trace):",
        r"An unhandled exception occurred while processing the request",
        r"Better Errors|Symfony Exception|DebugKit|Tracy\b.{0,40}\bException",
        r"\bX-Debug-(?:Token|Exception)\b",
        r"\bWhitelabel Error Page[\s\S]{0,800}?\bat [\w.$]+\(",
    ),
    *_patterns(
        PATH,
        r"(?<![\w/:.\"'=-])/(?:usr/(?:lib|local|share|src|bin|app)|var/(?:www|lib|task|app|log|runtime)|home/[\w.-]+|opt"
        r"|srv|root|Users/[\w.-]+|etc|nix/store|workspace|proc/\d+)/[\w.@+-]+(?:/[\w.@+-]+)*",
        r"(?<![\w/:.-])/(?:app|code|src|build|usr|mnt|data|tmp)/(?:[\w.@+-]+/)*[\w.@+-]+\.(?:py|rb|php|java|go|rs|ts|cs|jar|ex|pl|sock|sqlite3?|conf|ya?ml)\b",
        r"(?<!\w)[A-Za-z]:\\(?:inetpub|Users|Windows|Program Files|wwwroot|\w+)\\[\w.\\ -]+",
        r"\bsite-packages/\w+",
    ),
    *_patterns(
        HOST,
        r"\b(?:[a-z0-9-]+\.)+(?:internal|local|localdomain|lan|corp|intranet|svc\.cluster\.local)\b(?!\.\w|/)",
        rf"\b{_PRIVATE}:\d{{2,5}}\b",
        rf"(?i)\b(?:upstream|connect(?:ion)?(?: refused)? to|could not connect to|host[:=])\s*[\"'(]*{_PRIVATE}\b",
        r"\b(?:localhost|127\.0\.0\.1):\d{2,5}\b",
        r"\bip-\d+-\d+-\d+-\d+\b",
    ),
)
