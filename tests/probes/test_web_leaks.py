"""What error pages tell of the inside, by tables of the pages that a dozen stacks show; and what none of them tells."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagehold.probes.web.leaks import correlation_id, find_leaks
from stagehold.probes.web.reply import Reply

JSON, HTML, TEXT = "application/json", "text/html; charset=utf-8", "text/plain"


def reply(body: str, kind: str = HTML, status: int = 500, url: str = "https://app.test/x", **fields: str) -> Reply:
    """An error page."""
    held = (("Content-Type", kind), *((name.replace("_", "-"), value) for name, value in fields.items()))
    return Reply("x", "anonymous", "GET", url, status, held, body.encode())


def kinds(body: str, kind: str = HTML, status: int = 500, **keys: str) -> set[str]:
    """What kinds of things it tells."""
    return {leak.kind for leak in find_leaks(reply(body, kind, status, **keys))}


PYTHON = 'Traceback (most recent call last):\n  File "/srv/shop/views.py", line 12, in show\nValueError: no such note'
TELLING = [
    ("Django, missing page", ("<p>Using the URLconf defined in <code>shop.urls</code>, Django tried these.</p>"
     "<p>You are seeing this error because you have <code>DEBUG = True</code> in your settings file.</p>"), HTML,
     "a debug page"),
    ("Django, error", f"<title>ValueError at /</title><pre>{PYTHON}</pre>", HTML, "a Python trace"),
    ("Werkzeug", "<title>ValueError // Werkzeug Debugger</title><h2>Traceback <em>(most recent call last)</em></h2>",
     HTML, "a Python trace"),
    ("Werkzeug's title", "<title>ValueError // Werkzeug Debugger</title>", HTML, "a debug page"),
    ("FastAPI with repr", json.dumps({"detail": "KeyError('total')"}), JSON, "a Python trace"),
    ("int()", json.dumps({"error": "invalid literal for int() with base 10: 'x'"}), JSON, "a Python trace"),
    ("Express", ("<pre>Error: no<br> &nbsp; &nbsp;at Layer.handle [as handle_request] (/app/node_modules/express/lib/"
     "router/layer.js:95:5)</pre>"), HTML, "a JavaScript trace"),
    ("Node in JSON", json.dumps({"stack": "TypeError: x\n    at file:///srv/shop/server.js:4:11"}), JSON,
     "a JavaScript trace"),
    ("Spring Boot", json.dumps({"status": 500, "trace": "java.lang.Error: x\n\tat com.shop.A.b(A.java:7)"}),
     JSON, "a Java trace"),
    ("Spring's message", json.dumps({"message": "Failed to convert value of type 'java.lang.String' to 'Long'"}), JSON,
     "a Java trace"),
    ("Tomcat", ("<h1>HTTP Status 400</h1><b>Exception</b><pre>java.lang.IllegalArgumentException: Invalid "
     "character\n\torg.apache.coyote.http11.Http11InputBuffer.parseRequestLine(Http11InputBuffer.java:502)"), HTML,
     "a Java trace"),
    ("PHP in HTML", "<b>Fatal error</b>:  Uncaught Error: no in <b>/var/www/html/a.php</b> on line <b>3</b>", HTML,
     "a PHP error"),
    ("PHP in text", ("PHP Fatal error:  Uncaught Error: no in /var/www/a.php:3\nStack trace:\n#0 {main}\n  thrown in "
     "/var/www/a.php on line 3"), TEXT, "a PHP error"),
    ("Laravel", json.dumps({"message": "x", "exception": "Illuminate\\Database\\QueryException"}), JSON, "a PHP error"),
    ("Laravel's model", json.dumps({"message": "No query results for model [App\\Models\\Invoice] 9"}), JSON,
     "a PHP error"),
    ("ASP.NET Core", "<h1>An unhandled exception occurred while processing the request.</h1>", HTML, "a debug page"),
    ("ASP.NET", "<h1>Server Error in '/' Application.</h1><b>Exception Details: </b>System.FormatException: no", HTML,
     "a debug page"),
    (".NET trace", "System.InvalidOperationException: x\n   at Shop.Api.Get(Int32 id) in C:\\src\\Api.cs:line 42", TEXT,
     "a .NET trace"),
    ("Rails", "<h1>Routing Error</h1><p>No route matches</p><p><code>Rails.root: /srv/shop</code></p>", HTML,
     "a debug page"),
    ("Ruby", "app/models/note.rb:12:in `find': undefined method", TEXT, "a Ruby trace"),
    ("Go", "panic: runtime error: index out of range [3]\n\ngoroutine 1 [running]:\nmain.main()", TEXT, "a Go trace"),
    ("Go's errors", 'strconv.Atoi: parsing "x": invalid syntax', TEXT, "a Go trace"),
    ("Go's JSON", json.dumps({"error": "json: cannot unmarshal string into Go struct field Note.id of type int"}), JSON,
     "a Go trace"),
    ("Rust", "thread 'main' panicked at src/main.rs:4:5", TEXT, "a Rust trace"),
    ("Phoenix", "** (Ecto.NoResultsError) expected\n    lib/shop/notes.ex:12: Shop.get", TEXT, "an Elixir trace"),
    ("Perl", "Died at /srv/shop/a.pl line 7.", TEXT, "a Perl error"),
    ("SQLAlchemy", '(psycopg2.errors.UndefinedTable) relation "notes" does not exist', TEXT,
     "SQL or a database's message"),
    ("statement", "SELECT id, total FROM invoices WHERE company_id = 7", TEXT, "SQL or a database's message"),
    ("join", "select i.* from invoices i left join users u on u.id = i.user", TEXT, "SQL or a database's message"),
    ("order", "SELECT name FROM users\nORDER BY name\nLIMIT 1", TEXT, "SQL or a database's message"),
    ("update", "UPDATE invoices SET total = 7", TEXT, "SQL or a database's message"),
    ("delete", "delete from notes where id in (1)", TEXT, "SQL or a database's message"),
    ("MySQL", "You have an error in your SQL syntax; check the manual", TEXT, "SQL or a database's message"),
    ("MySQL column", "Unknown column 'a' in 'where clause'", TEXT, "SQL or a database's message"),
    ("Oracle", "ORA-00933: SQL command not properly ended", TEXT, "SQL or a database's message"),
    ("PostgreSQL", 'invalid input syntax for type integer: "x"', TEXT, "SQL or a database's message"),
    ("path", "cannot open /usr/lib/shop/data", TEXT, "a path of the server's disk"),
    ("Windows path", r"Could not find C:\inetpub\shop\web.config", TEXT, "a path of the server's disk"),
    ("proxy", "connect() failed while connecting to upstream: http://10.0.3.7:8080/", TEXT, "a host of the inside"),
    ("host", "getaddrinfo ENOTFOUND db.shop.internal", TEXT, "a host of the inside"),
]  # fmt: skip
SILENT = [
    ("nginx", ("<html><head><title>404 Not Found</title></head><body><center><h1>404 Not Found</h1></center><hr>"
     "<center>nginx/1.22.1</center></body></html>"), HTML),
    ("nginx 502", "<html><head><title>502 Bad Gateway</title></head><body><center>nginx</center></body></html>", HTML),
    ("Apache", ("<h1>Not Found</h1><p>The requested URL was not found on this server.</p><hr>"
     "<address>Apache/2.4.57 (Debian) Server at app.test Port 443</address>"), HTML),
    ("Tomcat", ("<h1>HTTP Status 404 Not Found</h1><p><b>Type</b> Status Report</p><p><b>Description</b> The origin "
     "server did not find a current representation for the target resource.</p><h3>Apache Tomcat/9.0.50</h3>"), HTML),
    ("IIS", ("<h2>404 - File or directory not found.</h2><h3>The resource you are looking for might have been removed."
     "</h3>"), HTML),
    ("ASP.NET without details", ("<h1>Server Error in '/' Application.</h1><h2>Runtime Error</h2><p>The current custom "
     "error settings for this application prevent the details from being viewed remotely.</p>"), HTML),
    ("ASP.NET Core", json.dumps({"type": "https://tools.ietf.org/html/rfc9110#section-15.5.5", "title": "Not Found",
                                 "status": 404, "traceId": "00-5d1b0c6a7f1b4f0e8d3f-01"}), JSON),
    ("Spring Boot", json.dumps({"timestamp": "2026-11-25T18:00:00Z", "status": 404, "error": "Not Found",
                                "path": "/opt/x/y"}), JSON),
    ("Whitelabel", "<h1>Whitelabel Error Page</h1><p>There was an unexpected error (type=Not Found).</p>", HTML),
    ("Express", "<pre>Cannot GET /opt/x/y</pre>", HTML),
    ("Fastify", json.dumps({"statusCode": 400, "code": "FST_ERR_CTP_INVALID_JSON_BODY", "message": "Body is not valid "
                            "JSON but content-type is set to 'application/json'"}), JSON),
    ("Flask", ("<h1>Not Found</h1><p>The requested URL was not found on the server. If you entered the URL manually "
     "please check your spelling and try again.</p>"), HTML),
    ("FastAPI", json.dumps({"detail": [{"type": "int_parsing", "loc": ["path", "id"], "msg": "Input should be a valid "
                                        "integer, unable to parse string as an integer", "input": "x"}]}), JSON),
    ("Django", "<h1>Server Error (500)</h1>", HTML),
    ("Rails", "<h1>We're sorry, but something went wrong.</h1>", HTML),
    ("Symfony", '<h1>Oops! An Error Occurred</h1><h2>The server returned a "500 Internal Server Error".</h2>', HTML),
    ("Laravel", "<h1>Whoops, looks like something went wrong.</h1>", HTML),
    ("Laravel JSON", json.dumps({"message": "Server Error"}), JSON),
    ("Go", "404 page not found\n", TEXT),
    ("Go panics not", "<h1>Don't panic: we know, and somebody is on it.</h1>", HTML),
    ("help text", ("<h1>Exception handling</h1><p>An Exception is raised when a voucher has an Error. See the trace of "
     "changes, and the stack of papers on line 3 of the form.</p>"), HTML),
    ("menu", ("<p>Please select an item from the list where you found it, or join us. Update your set of filters, "
     "delete from here, and order by phone.</p>"), HTML),
    ("sentence", "Select goods from our shop. Order by phone where possible, limit one per person.", TEXT),
    ("links", '<a href="/home/start/page">Start</a> <a href="/opt/in">Newsletter</a>', HTML),
    ("script", "<script>fetch('http://localhost:3000')</script><style>/* /usr/lib/x */</style><p>Gone.</p>", HTML),
    ("local time", "It was 12:30 local time. Ask your local office.", TEXT),
]  # fmt: skip


@pytest.mark.parametrize(("body", "kind", "told"), [row[1:] for row in TELLING], ids=[row[0] for row in TELLING])
def test_error_pages_that_tell(body: str, kind: str, told: str) -> None:
    """Traces, SQL, debug pages, paths and hosts are seen on the error pages of each stack."""
    assert told in kinds(body, kind)


@pytest.mark.parametrize(("body", "kind"), [row[1:] for row in SILENT], ids=[row[0] for row in SILENT])
def test_error_pages_that_tell_nothing(body: str, kind: str) -> None:
    """The pages that servers and frameworks show by default, and texts about errors, are no leaks."""
    assert kinds(body, kind, 404, url="https://app.test/opt/x/y") == set()


def test_good_pages_may_name_paths_and_hosts() -> None:
    """A guide names paths and hosts; a trace or SQL in a good answer is one all the same."""
    guide = "<p>Put it into /usr/lib/shop/plugins on db.shop.internal.</p>"

    assert kinds(guide, status=200) == set()
    assert kinds(guide, status=500) == {"a path of the server's disk", "a host of the inside"}
    assert kinds(f"<pre>{PYTHON}</pre>", status=200) == {"a Python trace"}


def test_known_hosts_are_no_leak() -> None:
    """Whoever asks knows the target's names and the domains above them; a host of one label hides no path."""
    known = frozenset({"app.staging.corp", "app"})
    page = reply("gone", Set_Cookie="a=b; Domain=staging.corp", Link="<https://app.staging.corp/x>")

    assert find_leaks(page, known) == ()
    assert [leak.kind for leak in find_leaks(page)] == ["a host of the inside"]
    assert find_leaks(reply("from db.staging.corp"), known)
    assert find_leaks(reply("at /app/main.py"), known)


def test_header_fields_tell_too() -> None:
    """What stands in header fields is told as well as what stands in the body."""
    assert kinds("gone", X_Debug_Token="abc123", status=404) == {"a debug page"}
    assert kinds("gone", X_Upstream="10.0.3.7:8080", status=502) == {"a host of the inside"}


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(TELLING), st.text(alphabet=st.characters(codec="utf-8", exclude_characters="<>&"), max_size=40))
def test_words_around_hide_nothing(row: tuple[str, str, str, str], words: str) -> None:
    """A leak is seen whatever stands before and after it."""
    _, body, kind, told = row
    if kind == JSON:
        wrapped = json.dumps({"before": words, "error": json.loads(body), "after": [words]})
    else:
        wrapped = f"{words} \n{body}\n {words}" if kind == TEXT else f"<p>{words}</p>{body}<p>{words}</p>"
    assert told in kinds(wrapped, kind)


@settings(deadline=None)
@given(st.binary(max_size=80), st.sampled_from([JSON, HTML, TEXT, ""]))
def test_any_answer_can_be_judged(body: bytes, kind: str) -> None:
    """Whatever a server sends is judged without an error."""
    answer = Reply("x", "anonymous", "GET", "https://app.test/x", 500, (("Content-Type", kind),), body)

    assert isinstance(find_leaks(answer), tuple)
    assert isinstance(correlation_id(answer), str)


@pytest.mark.parametrize(
    "piece", ["a", "a.b.", "at a.b ", "/usr/lib/a", "select a ", "Warning: ", "java.a", "insert into a (", " "]
)
def test_hostile_pages_are_judged_in_time(piece: str) -> None:
    """A page made to keep a search busy takes it no more than moments."""
    began = time.process_time()
    find_leaks(reply(piece * (50_000 // len(piece)), TEXT))

    assert time.process_time() - began < 3


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (reply("x", X_Request_Id="0f8fad5b-d9cb-469f-a165-70867728950e"), "header X-Request-Id"),
        (reply("x", CF_Ray="8c1d2e3f4a5b6c7d-ARN"), "header CF-Ray"),
        (reply("x", X_Request_Id="none"), ""),
        (reply("x", X_Frame_Options="DENY123456"), ""),
        (reply('{"error": "x", "trace_id": "4bf92f3577b34da6"}', JSON), "field trace_id"),
        (reply('{"error": {"requestId": 1234567}}', JSON), "field requestId"),
        (reply('{"error": "x", "id": 5}', JSON), ""),
        (reply("<p>Error reference: AB12-3456</p>"), "text"),
        (reply("<p>Something went wrong. Please call us on Monday.</p>"), ""),
    ],
)
def test_correlation_id(answer: Reply, named: str) -> None:
    """An identifier in a header field, a field of JSON or the text names an error; words do not."""
    assert correlation_id(answer) == named
