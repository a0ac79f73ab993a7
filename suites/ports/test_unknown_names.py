"""Whether the service answers to names that are not its own."""

from stagehold import check


@check(
    "NET-016",
    severity="normal",
    proves=["declared-exposure", "information-restraint"],
    why="Scanners that know only addresses find the service, and links in its mails can be made to lead elsewhere.",
    remedy="Let a default virtual host refuse what asks for no declared name; give it a certificate without names.",
    defects=["any-host-served"],
)
def test_strangers_names_reach_nothing(unknown_names, evidence):
    """Requests for an unknown name or for the bare address reach no application and reveal no other names.

    Each named target is asked at every address as itself (the control, before and after), then with an unknown Host
    and SNI, with its address and no SNI, and with an unknown Host under its own SNI; for the start page, the pages of
    declared flows and a path that does not exist. The application is reached when an answer is like the one under its
    own name, unless every path is refused alike. A refused handshake, a closed connection, an error page, another
    page and a redirect to the declared name are all fine. Names are told by certificates, redirects and cookies; those
    that the declared name's own certificate shows, or that are nobody's (`.invalid`, `.local`), are no news. Limits,
    timeouts and a target that refuses everything alike are inconclusive.
    Sources: WSTG-INPV-17, RFC 9110 section 7.4, RFC 6066 section 3, CWE-200.
    """
    rows = [
        (str(s.front), s.way, a.asked.path, str(a), a.value("location"), ", ".join(a.names))
        for s in unknown_names.strays
        for a in s.answers
    ]
    evidence.table(
        "answers to strangers", ("listener", "asked with", "path", "answer", "leads to", "names shown"), rows
    )
    wrong = unknown_names.wrong
    evidence.compare(
        expected="no application and no other names",
        observed="; ".join(wrong)
        or "; ".join(dict.fromkeys(f"{s.way}: {s.summary}" for s in unknown_names.strays))
        or "nothing was seen",
    )
    if unknown_names.strays:
        evidence.reproduce(
            next((s for s in unknown_names.strays if s.complaints), unknown_names.strays[0]).reproduction
        )

    assert not wrong, "; ".join(wrong)
    unknown_names.require_complete()
