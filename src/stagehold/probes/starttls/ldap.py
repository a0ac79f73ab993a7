"""Simple binds by LDAP without TLS (RFC 4511 sections 4.1.9 and 4.2, RFC 4513 sections 5.1.3 and 6.3)."""

from __future__ import annotations

from stagehold.errors import ProbeError
from stagehold.probes.starttls.attempt import MASK, Answer, MadeUp, Meaning
from stagehold.probes.starttls.ber import (
    BIND_RESPONSE,
    LdapResult,
    naming_contexts,
    read_result,
    simple_bind,
    start_tls,
)
from stagehold.probes.starttls.talk import HungUp, Talk

WAYS = ("simple bind",)
_TAKEN = {0, 32, 34, 49, 50}
_REFUSED = {7, 8, 13}
_OPEN = {48, 53}
_INTERNAL = ("cn=config", "cn=schema", "cn=monitor", "cn=changelog")


def announced(talk: Talk, *, starttls: bool) -> tuple[str, ...]:
    """Whether a server that has to does not begin TLS: nothing else is announced in LDAP."""
    if not starttls:
        return ()
    talk.send(start_tls(1), "ExtendedRequest StartTLS")
    result = read_result(talk)
    if result.code in {51, 52, 80}:
        raise ProbeError(f"{talk.where} cannot begin TLS now: {result}")
    return (f"does not begin TLS ({result})",) if result.code else ()


def attempt(talk: Talk, way: str, who: MadeUp, *, greeted: bool = False) -> Answer:
    """One bind; there is no greeting to wait for (ProbeError: no proper answer)."""
    del greeted
    # OpenLDAP looks whether it needs TLS only for names below what it holds; all others are wrong credentials to it.
    below = next((one for one in naming_contexts(talk) if one and not one.lower().startswith(_INTERNAL)), "")
    name = f"cn={who.user},{below}" if below else f"cn={who.user}"
    talk.send(simple_bind(2, name, who.password), f"BindRequest simple, {name}, {MASK}")
    try:
        result = read_result(talk)
    except HungUp as error:
        return Answer(way, Meaning.TROUBLE, str(error))
    found = meaning(result)
    if found is Meaning.TAKEN and result.code and not below:
        found = Meaning.OPEN
    return Answer(way, found, who.hidden(str(result)))


def meaning(result: LdapResult) -> Meaning:
    """What an answer to a bind says.

    invalidCredentials and what else needs a look at the name have looked, success has let in. confidentialityRequired
    and strongerAuthRequired want TLS first, authMethodNotSupported takes no passwords at all. unwillingToPerform and
    inappropriateAuthentication may be about either. The server may say the same while it ends the connection, as a
    notice of its own (section 4.4.1).
    """
    if result.code in _REFUSED:
        return Meaning.REFUSED
    if result.kind != BIND_RESPONSE:
        return Meaning.TROUBLE
    if result.code in _TAKEN:
        return Meaning.TAKEN
    return Meaning.OPEN if result.code in _OPEN else Meaning.TROUBLE
