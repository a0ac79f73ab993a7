"""What an answer to somebody of a role amounts to. Pure functions over observations; see `oracle`.

A refusal is believed only beside a control: somebody of another role who is let in by the same request.
Sources: OWASP ASVS 8.2.1; OWASP API5:2023; WSTG-ATHZ-02.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bs4 import BeautifulSoup

from stagehold.environment.access import DenialRule
from stagehold.environment.model import Environment, Target
from stagehold.probes.access.oracle import (
    Answer,
    Judgement,
    LoginPages,
    Ruling,
    interference,
    is_problem,
    matching,
    same_page,
    snippet,
    visible_text,
)
from stagehold.probes.login.driver import LoginDriver

_REFUSED = (401, 403, 404)
_INVALID = (400, 409, 411, 415, 422)
_CONTENT = 40
"""Characters from which on two texts are not the same by chance."""


@dataclass(frozen=True)
class Styles:
    """How a target refuses."""

    role: tuple[DenialRule, ...] = ()
    anonymous: tuple[DenialRule, ...] = ()
    login_pages: LoginPages = field(default_factory=LoginPages)

    def refusal(self, answer: Answer, nowhere: Answer | None = None) -> str:
        """Why an answer is a refusal, in words; empty when it is none that is known."""
        if matching(answer, (*self.role, *self.anonymous)):
            return f"{answer.status}, as declared in `denial`"
        if answer.redirect and self.login_pages.is_target(answer.redirect):
            return f"{answer.status} to the login page"
        if self.login_pages.shown_in(answer):
            return f"{answer.status} with the login page"
        if answer.status in (_REFUSED[:1] if self.role else _REFUSED):
            return str(answer.status)
        if nowhere is not None and answer.succeeded and answer.is_html and same_page(answer, nowhere):
            return f"{answer.status} with the page that any unknown path gets"
        return ""


def styles_of(environment: Environment, target: Target, driver: LoginDriver) -> Styles:
    """How a target refuses, as declared, and how its login pages look (ProbeError: one cannot be fetched)."""
    denial = environment.denial.get(target.name)
    return Styles(
        role=denial.role if denial else (),
        anonymous=denial.anonymous if denial else (),
        login_pages=driver.login_pages(target),
    )


def judge_let_in(answer: Answer, styles: Styles, nowhere: Answer | None = None) -> Judgement:
    """Whether somebody who may do it is let in: a 2xx answer that is no refusal in disguise.

    DENIED here means that a promise is broken; UNKNOWN that the service or something before it failed.
    """
    if blocked := interference(answer):
        return Judgement(Ruling.UNKNOWN, blocked)
    if refusal := styles.refusal(answer, nowhere):
        return Judgement(Ruling.DENIED, refusal)
    if answer.succeeded:
        if is_problem(answer.document()):
            return Judgement(Ruling.DENIED, f"{answer.status} with an error message")
        return Judgement(Ruling.GRANTED, f"{answer.status} with {len(answer.body)} characters")
    if answer.status in _INVALID:
        return Judgement(Ruling.UNKNOWN, f"{answer.status}: the request itself was not accepted")
    return Judgement(Ruling.DENIED, f"{answer.status}" + (f" to {answer.redirect}" if answer.redirect else ""))


def judge_denied_read(
    answer: Answer, control: Answer, styles: Styles, *, canaries: Iterable[str] = (), nowhere: Answer | None = None
) -> Judgement:
    """Whether somebody who may not read it is refused.

    Args:
        answer: what the denied role got, redirects not followed.
        control: what a role that may got from the same address.
        styles: how the target refuses.
        canaries: markers of the objects that were asked for.
        nowhere: the answer to a path that does not exist.
    """
    if any(answer.holds(canary) for canary in canaries):
        return Judgement(Ruling.GRANTED, f"{answer.status} and the answer holds the object's canary")
    if _same_content(answer, control):
        return Judgement(Ruling.GRANTED, f"{answer.status} with the same content as a role that may gets")
    if blocked := interference(answer):
        return Judgement(Ruling.UNKNOWN, blocked)
    if refusal := styles.refusal(answer, nowhere):
        return Judgement(Ruling.DENIED, refusal)
    if answer.succeeded and (why := alike(answer, control)):
        return Judgement(Ruling.GRANTED, f"{answer.status} with {why}")
    return _unknown(answer, "; where an empty answer is right, declare the role as `filtered`")


def judge_denied_write(  # noqa: PLR0911 - one return per step of the oracle
    answer: Answer, effect: str, styles: Styles, *, observable: bool, nowhere: Answer | None = None
) -> Judgement:
    """Whether somebody who may not write it is refused; what was changed decides, whatever the status.

    Args:
        answer: what the denied role got.
        effect: what its owner sees changed afterwards; empty when nothing is.
        styles: how the target refuses.
        observable: the same request by a role that may had an effect that its owner saw.
        nowhere: the answer to a path that does not exist.
    """
    if effect:
        return Judgement(Ruling.GRANTED, f"answered {answer.status}, and the owner sees: {effect}")
    if blocked := interference(answer):
        return Judgement(Ruling.UNKNOWN, blocked)
    if observable:
        return Judgement(Ruling.DENIED, f"answered {answer.status}, and the owner sees nothing changed")
    if refusal := styles.refusal(answer, nowhere):
        return Judgement(Ruling.DENIED, refusal)
    if answer.succeeded and not is_problem(answer.document()):
        return Judgement(Ruling.GRANTED, f"{answer.status}: the request was accepted")
    if answer.status in _INVALID:
        return Judgement(
            Ruling.UNKNOWN,
            f"{answer.status}, as a role that may gets: the request is looked at before the rights",
        )
    return _unknown(answer)


def _same_content(answer: Answer, control: Answer) -> bool:
    """Whether a refusal by its status carries the very document or page that it refuses."""
    mine = answer.document()
    if mine is not None:
        return mine == control.document() and not is_problem(mine) and mine not in ([], {}, "")
    shown = visible_text(answer)
    return not answer.succeeded and len(shown) >= _CONTENT and shown == visible_text(control)


def reached_validation(answer: Answer) -> bool:
    """The request was let in and found wanting."""
    return answer.status in _INVALID


def alike(answer: Answer, control: Answer) -> str:  # noqa: PLR0911 - one return per kind of document
    """How an answer shows what another shows, whoever's it is; in words, empty when it does not."""
    mine, theirs = answer.document(), control.document()
    if mine is not None or theirs is not None:
        if is_problem(mine) or mine in ([], {}, "", None):
            return ""
        shared = set(_shape(mine, "")) & set(_shape(theirs, ""))
        return "the same fields as a role that may gets" if 2 * len(shared) > len(set(_shape(theirs, ""))) else ""
    if (
        answer.headers.get("content-type", "").partition(";")[0]
        != control.headers.get("content-type", "").partition(";")[0]
    ):
        return ""
    if answer.is_html:
        return "the same page as a role that may gets" if _head(answer) and _head(answer) == _head(control) else ""
    if not answer.body.strip():
        return ""
    if answer.headers.get("content-type", "").startswith("text/"):
        same = answer.body.splitlines()[:1] == control.body.splitlines()[:1]
        return "the same first line as a role that may gets" if same else ""
    return "a document of the same kind as a role that may gets"


def _shape(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield f"{path}/{key}"
            yield from _shape(item, f"{path}/{key}")
    elif isinstance(value, list):
        for item in value:
            yield f"{path}/*"
            yield from _shape(item, f"{path}/*")
    else:
        yield path


def _head(answer: Answer) -> tuple[str, ...]:
    """Title and headings, which a page of refusal does not share with the page that is refused."""
    page = BeautifulSoup(answer.body, "html.parser")
    return tuple(re.sub(r"\s+", " ", tag.get_text()).strip() for tag in page(["title", "h1", "h2"]))


def _unknown(answer: Answer, hint: str = "") -> Judgement:
    where = f" to {answer.redirect}" if answer.redirect else ""
    return Judgement(Ruling.UNKNOWN, f"unknown denial style: {answer.status}{where}{hint}", snippet(answer, "role"))
