"""Whether credentials still open the door after logout: capture, log out, replay in a clean client.

The credentials are tested by what they do, not by their names: whatever alone, or all together, opened
`whoami` before must show nobody afterwards. A login afterwards proves that `whoami` still works.

Sources: OWASP ASVS 7.4.1; WSTG-SESS-06; CWE-613.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from stagehold.command_lines import curl, header_of
from stagehold.environment.access import Account, BasicFlow
from stagehold.errors import NotApplicable, ProbeError
from stagehold.probes.login.driver import Sessions
from stagehold.probes.login.session import Credential, Session

_STEP = 1.0


@dataclass(frozen=True)
class Replay:
    """One credential, or several together, before and after the logout."""

    what: str
    opened_before: bool
    opens_after: bool
    waited: float = 0.0
    """Seconds granted as `policy.token_revocation_grace`."""


@dataclass(frozen=True)
class RevocationReport:
    """What became of everything captured from one session."""

    alias: str
    logout_status: int
    replays: tuple[Replay, ...]
    own_client_out: bool
    """The client that logged out is logged out itself."""
    reproduction: str = ""

    @property
    def survivors(self) -> tuple[Replay, ...]:
        """What still opens the door."""
        return tuple(replay for replay in self.replays if replay.opens_after)

    def summary(self) -> str:
        """What happened, in words."""
        if not self.survivors:
            return f"none of {len(self.replays)} captured credentials of {self.alias} works after logout"
        names = ", ".join(dict.fromkeys(replay.what for replay in self.survivors))
        tail = "" if self.own_client_out else "; even the client that logged out is still logged in"
        return f"after logout (answered {self.logout_status}) {names} of {self.alias} still opens whoami{tail}"

    def table(self) -> Iterator[tuple[object, ...]]:
        """Rows for the evidence: credential, before, after, seconds waited."""
        for replay in self.replays:
            before = "opens whoami" if replay.opened_before else "opens nothing alone"
            yield (
                replay.what,
                before,
                "opens whoami" if replay.opens_after else "refused",
                f"{replay.waited:g}",
            )


def replay_after_logout(
    sessions: Sessions,
    account: Account,
    *,
    grace: float,
    max_wait: float,
    sleep: Callable[[float], None] = time.sleep,
) -> RevocationReport:
    """Log in, capture, log out, replay.

    Args:
        sessions: the login driver's sessions; a session of its own is made and ended here.
        account: whose.
        grace: seconds a token in a header may survive (`policy.token_revocation_grace`); cookies get none.
        max_wait: longest wait in seconds.
        sleep: for tests.

    Raises:
        NotApplicable: HTTP Basic has no session that could end.
        Uncovered: no logout is declared.
        ProbeError: a control failed, logout was refused, or the grace is longer than may be waited.
    """
    if isinstance(sessions.driver.flow(account), BasicFlow):
        raise NotApplicable(f"{account.flow} is HTTP Basic: every request carries the credentials, no session ends")
    session = sessions.login_fresh(account.alias)
    bundles = _capture(session)
    response = session.logout()
    if response.status_code >= 400:  # noqa: PLR2004 - RFC 9110 section 15.5
        raise ProbeError(
            f"logout of {account.alias} answered {response.status_code}, so nobody was logged out",
            remedy=f"Correct `flows.{account.flow}.logout`, such as its `logout_page` for a CSRF token.",
        )
    replays = tuple(_replay(session, bundle, opened, grace, max_wait, sleep) for bundle, opened in bundles)
    own = session.whoami() is None
    control = sessions.login_fresh(account.alias)
    control.logout()
    late = [replay for replay in replays if replay.opens_after and replay.waited and grace > max_wait]
    if late and not any(replay.opens_after and not replay.waited for replay in replays):
        raise ProbeError(
            f"{late[0].what} of {account.alias} still works after {max_wait:g} s, "
            f"and its grace of {grace:g} s is longer",
            remedy="Raise `policy.max_wait`.",
        )
    whoami = session.client.url(session.flow.whoami.path)
    held, note = header_of(account.alias)
    command = curl(whoami, credentials=[held], notes=[f"{note}, copied before its logout"])
    return RevocationReport(account.alias, response.status_code, replays, own, command)


def _capture(session: Session) -> list[tuple[tuple[Credential, ...], bool]]:
    """Everything together, then each alone, with whether it opens `whoami` now."""
    captured = session.credentials()
    everything = [captured]
    for _ in range(2):
        # Twice: a credential that works once only would look revoked afterwards.
        if not captured or session.clone_with(*captured).whoami() is None:
            raise ProbeError(
                f"the credentials of {session.account.alias} do not work in a clean client even before logout, "
                "so a refusal afterwards would prove nothing"
            )
    several = captured if len(captured) > 1 else ()
    alone = [((item,), session.clone_with(item).whoami() is not None) for item in several]
    if session.whoami() is None:
        raise ProbeError(f"the session of {session.account.alias} ended before its logout")
    renewed = session.credentials()
    if set(renewed) != set(captured):
        everything.append(renewed)
    return [*((bundle, True) for bundle in everything), *alone]


def _replay(
    session: Session,
    bundle: tuple[Credential, ...],
    opened: bool,
    grace: float,
    max_wait: float,
    sleep: Callable[[float], None],
) -> Replay:
    what = str(bundle[0]) if len(bundle) == 1 else f"all {len(bundle)} credentials together"
    patience = min(grace, max_wait) if any(item.kind == "header" for item in bundle) else 0.0
    waited = 0.0
    opens = session.clone_with(*bundle).whoami() is not None
    while opens and waited < patience:
        step = min(_STEP, patience - waited)
        sleep(step)
        waited += step
        opens = session.clone_with(*bundle).whoami() is not None
    return Replay(what, opened, opens, waited)
