"""What happens to those who come without TLS."""

from stagehold import check


@check(
    "TLS-017",
    severity="blocker",
    proves=["encrypted-transport"],
    why="What is typed or sent there, passwords and sessions included, can be read and changed by anybody on the way.",
    remedy="Let the plain-HTTP port redirect every path with 308 to https on the same host, or close it.",
    defects=["login-over-plain-http"],
)
def test_plain_http_only_redirects(plain_http, evidence):
    """The plain-HTTP port is closed, or does nothing but redirect permanently to https on the same host.

    Asked are the start page, login pages, private and unknown paths, and empty POSTs, at every address of a browser
    target, and of any other target that declares `http_port`; each must be answered 301 or 308 without content and
    without a cookie. A temporary redirect fails: browsers come back over plain HTTP each time. A port that answers
    every path with one and the same client error counts as closed; silence does only while https works at the same
    address. Limits (429) and faults (5xx) are inconclusive. ACME's challenges are not asked for. Without `http_port`,
    port 80.
    Sources: ASVS 12.2.1, MDN HTTP Observatory, RFC 9110 section 15.4, CWE-319.
    """
    evidence.table(
        "answers over plain HTTP",
        ("address", "what", "method", "url", "status", "location", "bytes", "cookies", "complaint"),
        [
            (a.address, a.what, a.method, a.url, a.status, a.location, a.size, " ".join(a.cookies), a.complaint)
            for a in plain_http.answers
        ],
    )
    wrong = plain_http.wrong
    shown = "; ".join(f"{a.method} {a.url} at {a.address} {a.complaint}" for a in wrong)
    evidence.compare(
        expected="closed, or 301 or 308 to https on the same host, without content and cookies",
        observed=shown or plain_http.summary,
    )
    evidence.reproduce(plain_http.reproduction)

    assert not wrong, f"{plain_http.target.name}: {shown}"
    plain_http.require_complete()
