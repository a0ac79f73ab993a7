"""Whether a service believes tokens that are not genuine. Told by `whoami`, with the genuine one before and after.

Sources: OWASP ASVS 5.0.0 9.1.1 to 9.1.3; WSTG-SESS-10; CWE-347.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import urljoin, urlsplit

from stagehold.command_lines import credential as credential_option
from stagehold.command_lines import curl, variable
from stagehold.environment.access import Account, BasicFlow
from stagehold.errors import NotAllowed, NotApplicable, ProbeError
from stagehold.probes.access.oracle import Answer
from stagehold.probes.login.driver import Sessions
from stagehold.probes.login.forgeries import forge, is_asymmetric
from stagehold.probes.login.jwt import Jwt, PublicKey, public_key_of, read_jwt
from stagehold.probes.login.session import Credential, Session

_WELL_KNOWN = ("/.well-known/jwks.json", "/.well-known/openid-configuration")
_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class ForgeryTrial:
    """One forged token, and whether `whoami` showed the person."""

    what: str
    accepted: bool
    told: str


@dataclass(frozen=True)
class TrustReport:
    """What became of every forgery of one flow's token."""

    alias: str
    flow: str
    where: str
    """Which credential holds the token."""
    algorithm: str
    public_keys: int
    trials: tuple[ForgeryTrial, ...]
    reproduction: str

    @property
    def accepted(self) -> tuple[str, ...]:
        """Forgeries that opened `whoami`."""
        return tuple(trial.what for trial in self.trials if trial.accepted)

    def summary(self) -> str:
        """What happened, in words."""
        if self.accepted:
            return f"whoami opens to forged tokens of {self.flow} ({self.algorithm}): {'; '.join(self.accepted)}"
        return f"none of {len(self.trials)} forged tokens of {self.flow} ({self.algorithm}, {self.where}) opens whoami"

    def table(self) -> Iterator[tuple[object, ...]]:
        """Rows for the evidence: forgery, result, answer."""
        for trial in self.trials:
            yield trial.what, "accepted" if trial.accepted else "refused", trial.told


def try_forgeries(sessions: Sessions, account: Account, jwks: str | None = None) -> TrustReport:
    """Log in, forge the token, and ask `whoami` with each forgery.

    Args:
        sessions: the lane's; a session of its own is made.
        account: whose login.
        jwks: path under which the flow's target publishes its keys; the well-known places are asked otherwise.

    Raises:
        NotApplicable: no credential of the session is a JWT.
        ProbeError: the genuine token does not work, before or afterwards, in a clean client; an answer tells
            neither; or the token is signed with a key pair whose public half cannot be found.
    """
    if isinstance(sessions.driver.flow(account), BasicFlow):
        raise NotApplicable(f"{account.flow} is HTTP Basic: there is no token")
    session = sessions.login_fresh(account.alias)
    held = session.credentials()
    if not held or session.clone_with(*held).whoami() is None:
        raise ProbeError(f"the credentials of {account.alias} do not work in a clean client")
    token, credential, others = _find(session, held)
    keys = find_public_keys(session, jwks) if is_asymmetric(token) else ()
    if is_asymmetric(token) and not keys:
        raise ProbeError(
            f"{account.flow} signs with {token.algorithm}, and its public key was found neither in "
            f"{' nor in '.join(_WELL_KNOWN)}, so taking it for a secret (RS to HS) was not tried",
            remedy=f"Say in `flows.{account.flow}.jwks` under which path the keys are published.",
        )
    trials: list[ForgeryTrial] = []
    undecided: list[str] = []
    for forgery in forge(token, keys):
        forged = _replaced(credential, token.text, forgery.token)
        clone = session.clone_with(*others, forged)
        try:
            accepted, told = clone.whoami() is not None, clone.told
        except ProbeError as error:
            accepted, told = False, str(error)
            undecided.append(f"{forgery.what}: {error}")
        trials.append(ForgeryTrial(forgery.what, accepted, told))
    if session.clone_with(*others, credential).whoami() is None:
        raise ProbeError(f"the genuine token of {account.alias} works no more, so the refusals prove nothing")
    if undecided and not any(trial.accepted for trial in trials):
        raise ProbeError(f"{len(undecided)} of {len(trials)} forged tokens are undecided, such as {undecided[0]}")
    before = "Bearer " if credential.value.startswith(f"Bearer {token.text}") else ""
    return TrustReport(
        account.alias,
        account.flow,
        str(credential),
        token.algorithm,
        len(keys),
        tuple(trials),
        curl(
            session.client.url(session.flow.whoami.path),
            credentials=[
                *(credential_option(item.kind, item.name, variable(item.name)) for item in others),
                credential_option(credential.kind, credential.name, "FORGED_TOKEN", before=before),
            ],
            notes=[
                f"FORGED_TOKEN is a token of {account.alias} changed as the table says",
                *(f"{variable(item.name)} is the {item.kind} of that name" for item in others),
            ],
        ),
    )


def _find(session: Session, held: tuple[Credential, ...]) -> tuple[Jwt, Credential, tuple[Credential, ...]]:
    """The token that whoami needs, the credential that holds it, and what must go along with it.

    Raises:
        NotApplicable: nothing that whoami needs is a JWT.
    """
    for item in held:
        found = _TOKEN.search(item.value)
        token = read_jwt(found[0]) if found else None
        if token is None:
            continue
        if session.clone_with(item).whoami() is not None:
            return token, item, ()
        others = tuple(other for other in held if other is not item)
        if session.clone_with(*others).whoami() is None:
            return token, item, others
    what = ", ".join(f"{item} ({len(item.value)} characters)" for item in held)
    raise NotApplicable(f"{session.account.flow}: no credential that whoami needs is a JWT, but opaque: {what}")


def find_public_keys(session: Session, jwks: str | None) -> tuple[PublicKey, ...]:
    """The keys that the flow's target publishes (RFC 7517, OpenID Connect Discovery); none is no error."""
    for path in (jwks,) if jwks else _WELL_KNOWN:
        document = _document(session, path)
        if "jwks_uri" in document:
            led = urljoin(session.client.url(path), str(document["jwks_uri"]))
            document = _document(session, led) if urlsplit(led).hostname == session.target.host else {}
        listed = document.get("keys")
        found = tuple(
            key
            for jwk in (listed if isinstance(listed, list) else ())
            if isinstance(jwk, dict) and (key := public_key_of(jwk)) is not None
        )
        if found:
            return found
    return ()


def _document(session: Session, url: str) -> dict[str, object]:
    try:
        document = Answer.of(session.client.request("GET", url)).document()
    except (ProbeError, NotAllowed):
        return {}
    return document if isinstance(document, dict) else {}


def _replaced(credential: Credential, token: str, forged: str) -> Credential:
    cookie = copy.copy(credential.cookie)
    value = credential.value.replace(token, forged)
    if cookie is not None:
        cookie.value = value
    return replace(credential, value=value, cookie=cookie)
