"""Who may log in, how, and what belongs to whom: `flows`, `accounts`, `inventory`, `denial`, `fixtures`."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from xml.etree import ElementTree as ET

from pydantic import Field, field_validator, model_validator

from stagehold.environment.values import (
    JsonPointer,
    Method,
    Operation,
    RegularExpression,
    SecretRef,
    Status,
    Text,
    UrlPath,
)
from stagehold.model import Model


class Request(Model):
    """One HTTP request; `{…}` placeholders are filled by who sends it."""

    method: Method = "GET"
    path: UrlPath
    json_body: dict[str, object] | list[object] | None = Field(default=None, alias="json")
    form: dict[str, str] | None = None
    text: str | None = None
    """A body as it is, sent as `text/plain`; `headers: {Content-Type: text/csv}` says what else it is."""
    xml: str | None = None
    """An XML document, sent as `application/xml` unless `headers` say otherwise; values are escaped."""
    headers: dict[str, str] = Field(default_factory=dict)
    page: UrlPath | None = None
    """A page with the form that sends this request, looked at first; its hidden inputs (CSRF tokens) go along."""

    @model_validator(mode="after")
    def _one_body_with_a_method_for_it(self) -> Request:
        bodies = {"json": self.json_body, "form": self.form, "text": self.text, "xml": self.xml}
        given = [name for name, body in bodies.items() if body is not None]
        if len(given) > 1:
            raise ValueError(f"has both `{given[0]}` and `{given[1]}`; a request has one body")
        bare = not given
        if self.method in {"GET", "HEAD"} and not (bare and self.page is None):
            raise ValueError(f"is a {self.method} with a {'page' if bare else 'body'}; give its `method`")
        return self

    @field_validator("xml")
    @classmethod
    def _well_formed(cls, value: str | None) -> str | None:
        try:
            if value is not None:
                ET.fromstring(value)  # noqa: S314 - a file of whoever starts this
        except ET.ParseError as error:
            raise ValueError(f"is no well-formed XML document: {error}") from error
        return value


class WhoAmI(Model):
    """A side-effect-free private page that tells whose session it is; the only judge of a login."""

    path: UrlPath
    """`{user}`, `{alias}`, `{company}` and `{role}` are those of the account."""
    user: JsonPointer | None = None
    """JSON pointer such as `/username`."""
    company: JsonPointer | None = None
    role: JsonPointer | None = None
    contains: Text | None = None
    """For pages and XML: text that only the logged-in person's answer holds; `{user}` becomes the user name."""

    @model_validator(mode="after")
    def _tells_who(self) -> WhoAmI:
        if self.user is None and self.contains is None:
            raise ValueError("needs `user` or `contains`: how the answer tells whose session it is")
        return self


class FormFields(Model):
    """Names of the inputs; found by their types when left out."""

    user: Text | None = None
    password: Text | None = None


class FormFlow(Model):
    """Login by an HTML form and a session cookie. Hidden inputs (CSRF tokens) are carried along."""

    kind: Literal["form"]
    target: str
    page: UrlPath = "/login"
    fields: FormFields = FormFields()
    logout: Request | None = None
    """Hidden inputs of the page that holds the logout form are carried along; see `logout_page`."""
    logout_page: UrlPath | None = None
    """A page with the logout form, when logout wants a CSRF token; default: the whoami page."""
    jwks: UrlPath | None = None
    """Where the keys of signed tokens (JWT) are published; default: the well-known places."""
    whoami: WhoAmI


class TokenFlow(Model):
    """Login by a JSON request that answers with a token."""

    kind: Literal["json_token"]
    target: str
    login: Request
    """`{user}` and `{password}` are filled in, also inside `json` and `form`."""
    token: JsonPointer = "/access_token"  # noqa: S105 - a JSON pointer
    header: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9-]+: .*\{token\}",
            description="a header with `{token}` in it, such as `Authorization: Bearer {token}`",
        ),
    ] = "Authorization: Bearer {token}"
    logout: Request | None = None
    jwks: UrlPath | None = None
    """Where the keys of signed tokens (JWT) are published; default: the well-known places."""
    whoami: WhoAmI


class BasicFlow(Model):
    """HTTP Basic: every request carries the credentials, nothing can be logged out."""

    kind: Literal["basic"]
    target: str
    whoami: WhoAmI


Flow = Annotated[FormFlow | TokenFlow | BasicFlow, Field(discriminator="kind")]


class Account(Model):
    """A test account. `sacrificial` ones exist to be locked out, and only they may be."""

    alias: Text
    company: str | None = None
    role: Text | None = None
    flow: str
    user: Text
    password_ref: SecretRef
    pool: Literal["standard", "sacrificial"] = "standard"
    lock_ok: bool = False


class SessionFacts(Model):
    """What is known of sessions."""

    cookies: tuple[Text, ...] = ()
    """Names of the session cookies; default: those without which `whoami` shows nobody."""


class Inventory(Model):
    """The operations the service offers, and which of them are meant for anybody."""

    target: str
    openapi: (
        Annotated[str, Field(pattern=r"^(/|file:.)", description="a path on the target, or `file:PATH`")] | None
    ) = None
    """A path on the target, or `file:PATH`."""
    extra_operations: tuple[Operation, ...] = ()
    """`METHOD /path/{id}`, for what OpenAPI does not list."""
    public_operations: tuple[Operation, ...] = ()
    parameters: dict[Text, Text] = Field(default_factory=dict)
    """Values of query parameters by name, such as `{year: "2026"}`, for required ones of which the OpenAPI document
    gives no example. They are sent wherever a parameter has that name, and win over the document's examples."""
    exclude: tuple[Exclusion, ...] = ()


class Exclusion(Model):
    """An operation never sent, and why; shown as not exercised."""

    op: Operation
    reason: str = Field(min_length=1)


class DenialRule(Model):
    """How a refusal looks. All given conditions must hold."""

    status: tuple[Status, ...] = Field(min_length=1)
    location: RegularExpression | None = None
    """Regular expression the Location header must match, for refusals that redirect."""
    contains: Text | None = None
    """Text in the body, for refusals that answer 200."""


class Denial(Model):
    """Declared styles of refusal of one target; several rules of a situation are alternatives."""

    anonymous: tuple[DenialRule, ...] = ()
    role: tuple[DenialRule, ...] = ()
    """What a person gets whose role does not allow it; default: 403, 404, or a redirect to the login page."""
    tenant: tuple[DenialRule, ...] = ()


class ObjectFixture(Model):
    """A disposable object of one company, made with a canary and removed again."""

    name: Text
    owner: str
    """Alias of the account that creates and reads it."""
    target: str
    create: Request
    """`{canary}` must occur in it; `{run}` is the run's id; `{user}`, `{alias}`, `{company}`, `{role}` the owner's."""
    id: JsonPointer = "/id"
    """JSON pointer into the answer of `create`."""
    id_location: RegularExpression | None = None
    """For forms that answer with a redirect: its one group is the id in the path and query of `Location`."""
    id_pattern: RegularExpression | None = None
    """For answers that are no JSON, such as XML: its one group is the id in the text of the answer."""
    read: Request
    """`{id}` becomes the object's id. The owner's answer must hold the canary."""
    writes: tuple[Request, ...] = ()
    """Changes that another company must not be able to make; `{id}` and `{canary}` are filled in."""
    parameters: tuple[str, ...] = ()
    """Names of OpenAPI path parameters that take this object's id."""

    @model_validator(mode="after")
    def _one_place_of_the_id(self) -> ObjectFixture:
        for name, pattern in (("id_location", self.id_location), ("id_pattern", self.id_pattern)):
            if pattern is not None and re.compile(pattern).groups != 1:
                example = "^/notes/([0-9]+)$" if name == "id_location" else "<id>([0-9]+)</id>"
                raise ValueError(f"`{name}` needs exactly one group, such as `{example}`")
        given = [name for name in ("id", "id_location", "id_pattern") if name in self.model_fields_set]
        if len(given) > 1:
            raise ValueError(f"has both `{given[0]}` and `{given[1]}`; the id stands in one place")
        return self


Inventory.model_rebuild()
