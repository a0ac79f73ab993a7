"""The four questions of a release manager, answered in a line each: may we deploy, why not, who acts, which build."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stagehold.model import Decision, Promise, Verdict, WaiverState
from stagehold.reporting import facts
from stagehold.reporting.facts import Sign
from stagehold.reporting.reasons import Reason
from stagehold.reporting.text import minute, one_line, plural, sentence, short_digest
from stagehold.tally import count_promises, withheld

_MOST_NAMED = 4
_MOST_ACTORS = 6
_FEW_WORDS = 140
NOBODY = "whoever runs this gate"
"""Who acts where neither a promise that is concerned nor the environment names an owner."""


@dataclass(frozen=True)
class Answer:
    """One question with its answer: the sign is the answer in a word, `says` the sentence beside it."""

    question: str
    sign: Sign
    says: str
    anchor: str
    """Id of the part of the page that tells more."""


@dataclass(frozen=True)
class Actor:
    """Who acts, and on what."""

    name: str
    reasons: tuple[Reason, ...]


def title(verdict: Verdict) -> Sign:
    """The decision as the page's heading; a GO that rests on waivers says so."""
    sign = facts.DECISIONS[verdict.decision]
    count = sum(result.state is WaiverState.IN_FORCE for result in verdict.waivers)
    if verdict.decision is not Decision.GO or not count:
        return sign
    return Sign(f"{sign.word} WITH {count} WAIVER{'' if count == 1 else 'S'}", sign.glyph, sign.tone)


def answers(verdict: Verdict, found: Sequence[Reason]) -> tuple[Answer, ...]:
    """May we deploy? Why (not)? Who acts? Is it the right build?

    Args:
        verdict: the verdict.
        found: its reasons, as `reasons()` gives them.
    """
    build, says = facts.build_sign(verdict)
    digest, observed = verdict.run.artifact.expected_digest, verdict.run.artifact.observed_digest
    if digest:
        says = f"{says} Expected: {short_digest(digest)}"
        if observed and observed != digest:
            says = f"{says}, running: {short_digest(observed)}"
    return (
        _may_we_deploy(verdict),
        _why(verdict, found),
        _who(verdict, found),
        Answer("Is it the right build?", build, says, "what"),
    )


def actors(found: Sequence[Reason]) -> tuple[Actor, ...]:
    """The reasons grouped by who acts, in the order in which they first appear."""
    groups: dict[str, list[Reason]] = {}
    for reason in found:
        for owner in reason.owners or (NOBODY,):
            groups.setdefault(owner, []).append(reason)
    return tuple(Actor(name, tuple(concerned)) for name, concerned in groups.items())


def _may_we_deploy(verdict: Verdict) -> Answer:
    question = "May we deploy?"
    match verdict.decision:
        case Decision.GO if verdict.valid_until:
            says = f"Valid until {minute(verdict.valid_until)}, when the first waiver ends."
            return Answer(question, Sign("Yes, for now", "✓", "good"), says, "waivers")
        case Decision.GO:
            says = "This build, as it was tested here."
            if facts.build_sign(verdict)[0].tone != "good":
                says = "What was tested here; which build that is, this run does not say."
            return Answer(question, Sign("Yes", "✓", "good"), says, "what")
        case Decision.NO_GO:
            return Answer(question, Sign("No", "✕", "bad"), "Repair, then run the gate again.", "why")
        case Decision.INCONCLUSIVE:
            says = "No decision was reached. Remove the cause, then run the gate again."
            return Answer(question, Sign("Not yet", "?", "open"), says, "why")


def _why(verdict: Verdict, found: Sequence[Reason]) -> Answer:
    counted = count_promises(verdict.commitments)
    ratio = f"{counted.kept} of {plural(counted.required, 'required promise')} kept"
    if verdict.decision is Decision.GO:
        waived = [r.commitment.id for r in verdict.commitments if r.state is Promise.WAIVED]
        if waived:
            sign = Sign(f"{len(waived)} waived", "◐", "waived")
            return Answer("Why?", sign, f"{ratio}; accepted for now: {_named(waived)}.", "waivers")
        return Answer("Why?", Sign("All proven", "✓", "good"), f"{ratio}.", "promises")
    says = _first(found) if withheld(verdict) else f"{_first(found)} {ratio}."
    sign = Sign(plural(len(found), "reason"), "✕" if verdict.decision is Decision.NO_GO else "?", _tone(verdict))
    return Answer("Why not?", sign, says, "why")


def _first(found: Sequence[Reason]) -> str:
    """The gravest reason in words: ids say nothing to who has not read the checks."""
    if not found:
        return ""
    reason = found[0]
    if reason.sign.tone == "bad" and reason.checks:
        return f"First: “{one_line(reason.title, _FEW_WORDS).rstrip('.')}” is not true."
    return f"{sentence(one_line(reason.observed or reason.title, _FEW_WORDS)).rstrip('.')}."


def _who(verdict: Verdict, found: Sequence[Reason]) -> Answer:
    if verdict.decision is Decision.GO:
        owners = list(dict.fromkeys(r.waiver.owner for r in verdict.waivers if r.state is not WaiverState.UNUSED))
        if not owners:
            return Answer("Who acts?", Sign("Nobody", "–", "none"), "Nothing keeps this release.", "promises")  # noqa: RUF001
        return Answer("Who acts?", Sign(_named(owners), "→", "waived"), "Repairs what is waived.", "waivers")
    acting = actors(found)
    if len(acting) == 1:
        says = plural(len(acting[0].reasons), "reason")
        return Answer("Who acts?", Sign(acting[0].name, "→", _tone(verdict)), f"{says} to remove.", "who")
    says = ", ".join(f"{actor.name} ({len(actor.reasons)})" for actor in acting[:_MOST_ACTORS])
    rest = f" and {len(acting) - _MOST_ACTORS} more" if len(acting) > _MOST_ACTORS else ""
    return Answer("Who acts?", Sign(f"{len(acting)} owners", "→", _tone(verdict)), f"{says}{rest}.", "who")


def _tone(verdict: Verdict) -> str:
    return facts.DECISIONS[verdict.decision].tone


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMED])
    return f"{shown} and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else shown
