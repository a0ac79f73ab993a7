"""Whether session identifiers can be guessed: a judgement over many of them; none is ever shown.

Judged is what a client presents. An *opaque* identifier must be unpredictable itself: unique, at least 128 bits
by length and alphabet over the places that change, not a number that rises, not a hash of the clock. A *signed*
one (JWT, or a payload followed by a signature, as Flask, Django and Rails write them) is protected by its
signature, whose length is judged; two of one account may be equal. Neither may hold readable e-mail addresses;
the user name may be read in a signed one only, where naming the account is what it is for.

Sources: OWASP ASVS 5.0.0 7.2.3; WSTG-SESS-01; CWE-331, CWE-330, CWE-315.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import itertools
import json
import math
import re
import string
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import unquote

BITS = 128
_UUID4 = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}", re.IGNORECASE)
_SIGNED = re.compile(r"^(?P<payload>.+)(\.|:|--)(?P<signature>[A-Za-z0-9_-]{27,}=*|[0-9a-f]{40,})$", re.DOTALL)
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z]{2,}")
_ALPHABETS = tuple(
    (len(signs), frozenset(signs))
    for signs in (
        string.digits,
        "0123456789abcdef",
        "0123456789ABCDEF",
        string.digits + string.ascii_lowercase[:22],
        string.ascii_lowercase + "234567",
        string.digits + string.ascii_lowercase,
        string.digits + string.ascii_uppercase,
        string.digits + string.ascii_letters,
        string.digits + string.ascii_letters + "-_",
        string.digits + string.ascii_letters + "+/",
    )
)
_CLOSE = 2**40
_HASHED = 5
_SHORTEST_NAME = 3


@dataclass(frozen=True)
class Sample:
    """One identifier, and when it was issued (seconds since the epoch)."""

    value: str
    issued: float

    def __repr__(self) -> str:
        return f"Sample({len(self.value)} characters)"


@dataclass(frozen=True)
class Findings:
    """What the samples of one credential show; holds no value."""

    name: str
    samples: int
    kind: str
    """`opaque` or `signed`."""
    bits: float
    """By length and alphabet: of the changing places, or of the signature."""
    faults: tuple[str, ...]

    def row(self) -> tuple[object, ...]:
        """For the evidence: credential, samples, kind, bits, faults."""
        return self.name, self.samples, self.kind, f"{self.bits:.0f}", "; ".join(self.faults) or "none"


def judge_identifiers(name: str, samples: Sequence[Sample], user: str) -> Findings:
    """Judge many identifiers of one account.

    Args:
        name: what they are, such as `cookie sid`.
        samples: in the order in which they were issued.
        user: the account's user name.
    """
    values = [unquote(sample.value) for sample in samples]
    signed = all(is_signed(value) for value in values)
    faults: list[str] = []
    if signed:
        bits = min(_nominal_bits(_signature(value)) for value in values)
    else:
        bits = changing_bits(values)
        distinct = len(set(values))
        if distinct < len(values):
            faults.append(f"{len(values) - distinct} of {len(values)} occurred before")
        if rising := _rising(values):
            faults.append(rising)
        if hashed := _hash_of_the_clock(samples):
            faults.append(hashed)
    if bits < BITS and not all(_UUID4.fullmatch(value) for value in values):
        faults.append(f"{bits:.0f} bits {'of signature' if signed else 'by length and alphabet'}, fewer than {BITS}")
    faults += _personal(values, user, signed=signed)
    return Findings(name, len(values), "signed" if signed else "opaque", bits, tuple(faults))


def is_signed(value: str) -> bool:
    """Whether it is a readable payload with a signature behind it (JWT, itsdangerous, Django, Rails)."""
    found = _SIGNED.match(value)
    return found is not None and any(_is_document(text) for text in _readable(found["payload"]))


def changing_bits(values: Sequence[str]) -> float:
    """Bits by length and alphabet of the places at which the values differ.

    A place where only few of the alphabet's signs occur counts with these alone; values of different lengths are
    compared as far as the shortest goes.
    """
    length = min(map(len, values))
    places = [{value[place] for value in values} for place in range(length)]
    alphabet = _alphabet(set().union(*places) - set("-:._~"))
    # Of n signs drawn from an alphabet of size a, about a(1-(1-1/a)^n) different ones occur.
    usual = alphabet * (1 - (1 - 1 / alphabet) ** len(values))
    return sum(math.log2(alphabet if len(seen) >= usual / 2 else len(seen)) for seen in places if len(seen) > 1)


def _alphabet(signs: set[str]) -> int:
    return next((size for size, known in _ALPHABETS if signs <= known), max(len(signs), 2))


def _nominal_bits(value: str) -> float:
    return len(value) * math.log2(_alphabet(set(value) - {"="}))


def _signature(value: str) -> str:
    found = _SIGNED.match(value)
    return found["signature"].rstrip("=") if found else ""


def _rising(values: Sequence[str]) -> str:
    """Numbers, in whatever way they are written, most of which lie close to one another."""
    for base, known in ((10, string.digits), (16, string.hexdigits), (36, string.digits + string.ascii_letters)):
        cores = [_core(value) for value in values]
        if not all(core and set(core) <= set(known) for core in cores):
            continue
        numbers = sorted({int(core, base) for core in cores})
        gaps = sorted(b - a for a, b in itertools.pairwise(numbers))
        whole = max(numbers[-1].bit_length(), 1) if numbers else 1
        if gaps and gaps[len(gaps) // 2] < min(_CLOSE, 2 ** (whole // 2)) and whole > 1:
            return f"they are numbers that rise, mostly by {gaps[len(gaps) // 2]} or less"
        return ""
    return ""


def _core(value: str) -> str:
    """The part that holds most digits, such as `0042` in `session_0042.a`; the dashes of a UUID do not part it."""
    return max(re.split(r"[_.:~]", value.replace("-", "")), key=lambda part: sum(sign.isdigit() for sign in part))


def _hash_of_the_clock(samples: Sequence[Sample]) -> str:
    """Whether some identifier is a plain hash of the time at which it was issued."""
    lengths = {32: hashlib.md5, 40: hashlib.sha1, 64: hashlib.sha256}
    for sample in samples[:_HASHED]:
        make = lengths.get(len(sample.value))
        if make is None:
            return ""
        millisecond = int(sample.issued * 1000)
        texts = {str(millisecond + offset) for offset in range(-3000, 1001)}
        texts |= {str(int(sample.issued) + offset) for offset in range(-5, 3)}
        texts |= {f"{int(text) / 1000:.3f}" for text in list(texts) if len(text) > 10}  # noqa: PLR2004
        wanted = sample.value.lower()
        if any(make(text.encode()).hexdigest() == wanted for text in texts):
            return f"they are the {make.__name__.removeprefix('openssl_')} of the time of the login"
    return ""


def _personal(values: Sequence[str], user: str, *, signed: bool) -> Iterator[str]:
    texts = [text for value in values[:3] for text in _readable(value)]
    if any(_EMAIL.search(text) for text in texts):
        yield "an e-mail address can be read in them"
    elif not signed and len(user) >= _SHORTEST_NAME and any(user.casefold() in text.casefold() for text in texts):
        yield "the user name can be read in them"


def _readable(value: str) -> Iterator[str]:
    """The value and its parts as they are, and decoded from base64 and hexadecimal digits where that is text."""
    for part in dict.fromkeys([value, *re.split(r"[.:|]|--", value)]):
        yield part
        yield from _decoded(part)


def _decoded(part: str) -> Iterator[str]:
    compact = part.rstrip("=").replace("-", "+").replace("_", "/")
    attempts: list[bytes] = []
    with suppress(binascii.Error, ValueError):
        attempts.append(base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True))
    if re.fullmatch(r"([0-9a-fA-F]{2})+", part):
        attempts.append(bytes.fromhex(part))
    for data in attempts:
        try:
            text = data.decode()
        except UnicodeDecodeError:
            continue
        if text and text.isprintable():
            yield text


def _is_document(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except ValueError:
        return False


def worst(findings: Iterable[Findings]) -> tuple[str, ...]:
    """Every fault, with the credential it is of."""
    return tuple(f"{one.name}: {fault}" for one in findings for fault in one.faults)
