"""What people use is loaded with TLS, and what they send goes with it."""

from __future__ import annotations

from stagehold import check


@check(
    "TLS-020",
    severity="critical",
    proves=["encrypted-transport"],
    why="What a page loads without TLS can be read and exchanged on the way, and what it submits so can be read.",
    remedy="Name https, or a path without scheme and host, where the page names http; behind a proxy that ends TLS, "
    "tell the application that its scheme is https.",
    requires=["FUN-002"],
    needs=["journeys"],
    defects=["picture-over-plain-http"],
    traffic="canary-write",
)
def test_pages_load_and_submit_over_tls_only(journey_run, evidence):
    """Pages of the journeys load from and submit to https and wss only.

    Watched on the very walk that FUN-002 judges, the login included: every request, redirects among them, every
    WebSocket, what documents name from their first moment on (pictures, scripts, style sheets, frames, media, forms and
    their buttons, pings), and the browser's messages about mixed content, which know what style sheets and scripts ask
    for. What counts is what the page names: browsers rewrite a picture, block a script or remember HSTS, and none of it
    protects everybody. Only where the page's own policy says `upgrade-insecure-requests` are addresses of its document
    listed and not counted. A link to an http address loads nothing until somebody follows it: it counts when the
    journey does. Inconclusive when no page was opened over https, a document could not be read, or the journey was
    not walked to its end. Sources: ASVS 12.2.1 and 4.4.1; WSTG-CRYP-03; W3C Mixed Content; CWE-319.
    """
    loads = journey_run.loads
    evidence.table("loaded or submitted without TLS", ["how", "page", "url", "times", "judged"], loads.table())
    shown = "; ".join(map(str, loads.plain))
    evidence.compare(
        expected="https and wss only",
        observed=shown or f"{loads.requests} requests with TLS from {loads.pages} pages, none without",
        deviation="; ".join(sorted({f"{load.how} {load.url}" for load in loads.plain})),
    )

    assert not loads.plain, f"journey {journey_run.journey.name}: {shown}"
    loads.require_read()
    journey_run.require_whole()
