"""What is secret in a run, by name; and how a lane tells the gate what it learned."""

from __future__ import annotations

import base64

import pytest

from stagehold.redaction.registry import SecretRegistry
from stagehold.redaction.secret import Secret

PASSWORD = "Tr0ub4dor&3 horse"
JWT = ".".join(
    base64.urlsafe_b64encode(part).rstrip(b"=").decode()
    for part in (b'{"alg":"HS256"}', b'{"sub":"anna","company":"a1b2"}', b"0123456789abcdef0123456789ABCDEF")
)


@pytest.fixture
def registry() -> SecretRegistry:
    return SecretRegistry()


def names(registry: SecretRegistry, text: str) -> set[str]:
    return {name for _, name in registry.present(text.encode())}


def test_a_login_is_known_by_password_and_by_what_basic_makes_of_it(registry: SecretRegistry) -> None:
    """`user:password` in base64 holds the password, though no form of the password alone need stand in it."""
    assert registry.add_login("accounts.anna.password", "anna", Secret(PASSWORD)) == ""

    basic = base64.b64encode(f"anna:{PASSWORD}".encode()).decode()
    assert "accounts.anna.password.basic" in names(registry, f"Authorization: Basic {basic}")
    assert names(registry, f"it is {PASSWORD}") == {"accounts.anna.password"}


def test_a_short_password_is_still_found_in_basic(registry: SecretRegistry) -> None:
    """The pair is long enough where the password is not; who asked is told why the password itself is not hidden."""
    assert "fewer than 6" in registry.add_login("p", "anna@foreign.test", "ab1")

    assert names(registry, base64.b64encode(b"anna@foreign.test:ab1").decode()) == {"p.basic"}


def test_a_password_that_is_the_user_name_is_told(registry: SecretRegistry) -> None:
    """The user name is shown on purpose, so that such a password cannot be hidden."""
    assert registry.add_login("p", "anna.berg1", "anna.berg1") == "is the user name"


def test_each_part_of_a_web_token_counts(registry: SecretRegistry) -> None:
    """Payload and signature alone are found; the header, which says nothing, is not."""
    registry.add("sessions.anna.token", JWT)
    head, payload, signature = JWT.split(".")

    assert names(registry, payload) == names(registry, signature) == {"sessions.anna.token"}
    assert names(registry, head) == set()


@pytest.mark.parametrize("value", ["Bearer Zq81mVnX0pLr5TgK2bWd", "Zq81mVnX0pLr5TgK2bWd"])
def test_a_scheme_is_no_part_of_the_token(registry: SecretRegistry, value: str) -> None:
    """`Bearer` stays readable wherever it stands."""
    assert registry.add_token("t", value) == ""

    assert names(registry, "got Zq81mVnX0pLr5TgK2bWd") == {"t"}
    assert names(registry, "Bearer of news") == set()


def test_a_cookie_that_is_no_secret_is_left_alone(registry: SecretRegistry) -> None:
    """Taking `dark` out of every text would garble reports."""
    assert registry.add_token("t", "dark") == "does not look like a token"
    assert len(registry) == 0


def test_names_are_safe_to_print_and_values_are_not_shown(registry: SecretRegistry) -> None:
    """A name goes into a placeholder and into messages; the registry itself tells only how many it holds."""
    registry.add("sessions.anna.si d]\n<b>", PASSWORD)

    assert names(registry, PASSWORD) == {"sessions.anna.si-d-b-"}
    assert repr(registry) == "SecretRegistry(1 secrets)"


def test_the_first_name_of_a_value_stays(registry: SecretRegistry) -> None:
    """The same password of two accounts is called by one name, so that placeholders are stable."""
    registry.add("first", PASSWORD)
    registry.add("second", PASSWORD)

    assert names(registry, PASSWORD) == {"first"}
