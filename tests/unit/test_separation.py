"""What is compared with production, and that sameness is seen however it is written."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from stagehold.documents.problems import ConfigErrors
from stagehold.environment.fingerprints import hash_of, production_values
from stagehold.environment.model import Environment, Production
from stagehold.environment.reader import read_environment
from stagehold.environment.secrets import declared
from stagehold.errors import ConfigError, ProbeError, Uncovered
from stagehold.network.door import AllowEntry
from stagehold.probes.web.records import Told
from stagehold.probes.web.separation import Separation, compare

DIGEST = hashlib.sha256(b"the key of production").digest()
OTHER = hashlib.sha256(b"another key").hexdigest()
HOSTS = Production(hosts=("*.ledger.example", "!*.test.ledger.example"), cidrs=("192.0.2.0/24",))
ENTRY = AllowEntry("app.test.ledger.example", ("198.51.100.7",), 443, "target web")


def judged(kind: str, here: str, theirs: str, *more: str) -> Separation:
    """One value of a record against what production is known by."""
    return compare(HOSTS, {kind: (theirs, *more)}, [Told(kind, here, "the record")], [ENTRY])


@pytest.mark.parametrize(
    ("kind", "here", "theirs"),
    [
        ("database_ids", "7301993546173448192", " 7301993546173448192"),
        ("database_ids", "6F9619FF-8B86-D011-B42D-00C04FC964FF", "6f9619ff-8b86-d011-b42d-00c04fc964ff"),
        ("mail_domains", "Mail.Finserv.Example.", "mail.finserv.example"),
        ("mail_domains", "relay1.mail.finserv.example", "mail.finserv.example"),
        ("mail_domains", "smtp://robot@mail.finserv.example:587/", "mail.finserv.example"),
        ("mail_domains", "noreply@finserv.example", "*.finserv.example"),
        ("mail_domains", "mail.finserv.example:25", "@finserv.example"),
        ("mail_domains", "bücher.example", "xn--bcher-kva.example"),
        ("mail_domains", "mx.ledger.example", "elsewhere.example"),
        ("mail_domains", "192.0.2.25", "elsewhere.example"),
        ("mail_domains", "[192.0.2.25]:25", "192.0.2.25"),
        ("issuers", "https://LOGIN.example/realms/ledger/", "https://login.example:443/realms/ledger"),
        ("issuers", "http://login.example/realms/ledger", "https://login.example/realms/ledger"),
        ("issuers", "https://login.example./realms/led%67er", "https://login.example/realms/ledger"),
        ("issuers", "login.example/realms/ledger", "https://login.example/realms/ledger"),
        ("secret_fingerprints", DIGEST.hex().upper(), f"sha256:{DIGEST.hex()}"),
        ("secret_fingerprints", "SHA256:" + DIGEST.hex(":"), DIGEST.hex()),
        ("secret_fingerprints", f"SHA256:{base64.b64encode(DIGEST).decode().rstrip('=')}", DIGEST.hex()),
        (
            "secret_fingerprints",
            base64.urlsafe_b64encode(DIGEST).decode(),
            f"sha256/{base64.b64encode(DIGEST).decode()}",
        ),
    ],
)
def test_production_is_recognised_however_it_is_written(kind: str, here: str, theirs: str) -> None:
    """Case, dots, ports, prefixes and encodings hide nothing that is production's."""
    found = judged(kind, here, theirs)

    assert [item.kind for item in found.shared] == [kind]


@pytest.mark.parametrize(
    ("kind", "here", "theirs"),
    [
        ("database_ids", "7301993546173448193", "7301993546173448192"),
        ("mail_domains", "notfinserv.example", "finserv.example"),
        ("mail_domains", "finserv.example", "mail.finserv.example"),
        ("mail_domains", "198.51.100.25", "finserv.example"),
        ("mail_domains", "mx.test.ledger.example", "mail.finserv.example"),
        ("issuers", "https://login.example/realms/test", "https://login.example/realms/ledger"),
        ("issuers", "https://login.example:8443/realms/ledger", "https://login.example/realms/ledger"),
        ("issuers", "https://login.example/realms/Ledger", "https://login.example/realms/ledger"),
        ("secret_fingerprints", OTHER, DIGEST.hex()),
    ],
)
def test_what_is_another_one_is_not_production(kind: str, here: str, theirs: str) -> None:
    """A neighbour's name, another realm or another hash is apart, and then everything declared was compared."""
    found = judged(kind, here, theirs)

    assert found.shared == ()
    found.require_complete()
    assert found.summary.startswith("2 of 5 kinds compared: addresses (1), ")


def test_an_exception_below_a_mail_domain_is_apart() -> None:
    """`!` takes a domain and what is below it out of production's; what lies beside stays production's."""
    assert judged("mail_domains", "mx.test.finserv.example", "finserv.example", "!test.finserv.example").shared == ()
    assert judged("mail_domains", "mx.live.finserv.example", "finserv.example", "!test.finserv.example").shared


def test_addresses_of_production_are_shared() -> None:
    """An address or a name of the environment that the deny list holds is told with the reason."""
    denied = AllowEntry("app.test.ledger.example", ("192.0.2.9", "198.51.100.7"), 443, "target web")
    found = compare(HOSTS, {}, [], [denied, AllowEntry("db.ledger.example", ("198.51.100.8",), None, "host db")])

    assert [(item.value, "deny.production" in item.production) for item in found.shared] == [
        ("192.0.2.9", True),
        ("198.51.100.8", True),
    ]


def test_a_missing_side_is_uncovered_and_named() -> None:
    """Nothing declared for a recorded kind, nothing recorded for a declared one, no denied addresses: each is named."""
    told = [Told("issuers", "https://login.example/test", "the record"), Told("database_ids", "1", "the record")]
    with pytest.raises(Uncovered, match=r"`deny\.production\.issuers`.*2 of 5 kinds compared: addresses .*database"):
        compare(HOSTS, {"database_ids": ("2",)}, told, [ENTRY]).require_complete()
    with pytest.raises(Uncovered, match=r"`evidence\.environment\[\]\.mail_domains`"):
        compare(HOSTS, {"mail_domains": ("finserv.example",)}, [], [ENTRY]).require_complete()
    with pytest.raises(Uncovered, match=r"`deny\.production\.hosts`.*0 of 5 kinds"):
        compare(Production(), {}, [], [ENTRY]).require_complete()


def test_a_shared_value_fails_though_another_kind_is_missing() -> None:
    """What is production's is told even where the rest cannot be compared."""
    told = [Told("issuers", "https://login.example/test", "the record"), Told("database_ids", "1", "the record")]

    assert compare(HOSTS, {"database_ids": ("1",)}, told, [ENTRY]).shared[0].value == "1"


def test_unknown_addresses_are_inconclusive() -> None:
    """A name that did not resolve was compared with nothing."""
    lost = AllowEntry("gone.test.ledger.example", (), 443, "target gone", "the name did not resolve")
    with pytest.raises(ProbeError, match=r"gone\.test\.ledger\.example"):
        compare(HOSTS, {}, [], [ENTRY, lost]).require_complete()


@pytest.mark.parametrize("secret", ["correct horse battery staple", "hunter2", "deadbeef", ""])
def test_what_is_no_hash_is_refused_and_not_repeated(secret: str) -> None:
    """A fingerprint that may be the secret itself makes the comparison inconclusive, and no message holds it."""
    assert hash_of(secret) is None
    with pytest.raises(ProbeError, match="no hash") as refused:
        judged("secret_fingerprints", secret, DIGEST.hex())
    assert not secret or secret not in f"{refused.value} {refused.value.remedy}"


def test_fingerprints_stay_out_of_what_is_shown() -> None:
    """Reports tell fingerprints apart without giving away the hash of a weak secret."""
    shown = judged("secret_fingerprints", DIGEST.hex(), f"sha256:{DIGEST.hex()}").shared[0]

    assert shown.value == shown.production
    assert DIGEST.hex()[:12] not in f"{shown}"
    assert judged("secret_fingerprints", DIGEST.hex(), DIGEST.hex(":")).complaints == (
        f"secrets: {shown.value} is production's",
    )


def described(**production: object) -> Environment:
    """An environment with these entries of `deny.production`."""
    return Environment.model_validate(
        {
            "environment": {"id": "test"},
            "targets": [{"name": "web", "base_url": "https://app.test.ledger.example"}],
            "deny": {"production": production},
        }
    )


def test_files_of_values_are_read(tmp_path: Path) -> None:
    """A file stands for its lines, without empty ones and comments; it is a reference that must be there."""
    (tmp_path / "ids").write_text("# production\n 11 \n\n12\r\n11\n", encoding="utf-8")
    environment = described(database_ids=["10", "file:ids"])

    assert production_values(environment, tmp_path) == {"database_ids": ("10", "11", "12")}
    assert ("file:ids", "deny.production.database_ids", False) in [
        (item.reference, item.needed_by, item.secret) for item in declared(environment)
    ]


@pytest.mark.parametrize("content", [None, b"", b"# nothing yet\n", b"\xff\xfe"])
def test_a_file_without_values_is_an_error(content: bytes | None, tmp_path: Path) -> None:
    """A missing, empty or unreadable file never looks like an empty list."""
    if content is not None:
        (tmp_path / "ids").write_bytes(content)
    with pytest.raises(ConfigError, match=r"deny\.production\.issuers"):
        production_values(described(issuers=["file:ids"]), tmp_path)


FILE = """environment: {id: test}
targets:
  - {name: web, base_url: "https://app.test.ledger.example"}
"""


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        (f"deny: {{production: {{secret_fingerprints: ['sha256:{OTHER}', 'file:hashes']}}}}\n", True),
        ("evidence: {environment: [{target: web, path: /ops, secret_fingerprints: [/keys/form]}]}\n", True),
        ("deny: {production: {secret_fingerprints: [Kaleidoscope-77]}}\n", False),
        ("evidence: {environment: [{target: web, path: /ops, secret_fingerprints: [Kaleidoscope-77]}]}\n", False),
    ],
)
def test_fingerprints_may_stand_in_the_file_and_secrets_may_not(text: str, accepted: bool, tmp_path: Path) -> None:
    """Hashes, files and pointers are no secrets; anything else below these keys is refused and not repeated."""
    (tmp_path / "environment.yaml").write_text(FILE + text, encoding="utf-8")
    if accepted:
        assert read_environment(tmp_path / "environment.yaml").environment.environment.id == "test"
        return
    with pytest.raises(ConfigErrors) as refused:
        read_environment(tmp_path / "environment.yaml")
    assert "secret" in str(refused.value)
    assert "Kaleidoscope" not in str(refused.value)
