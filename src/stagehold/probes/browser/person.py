"""A person in the browser: logs in through the page, sees, types, clicks, logs out."""

from __future__ import annotations

import json
import re
from urllib.parse import urlencode, urlsplit

from playwright.sync_api import BrowserContext, Locator, Page, Response
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from stagehold.environment.access import Account, BasicFlow, Flow, FormFlow, TokenFlow
from stagehold.environment.model import Step, Target
from stagehold.environment.placeholders import person_values
from stagehold.errors import ProbeError, Uncovered
from stagehold.probes.access.oracle import Answer
from stagehold.probes.browser.launch import first_line
from stagehold.probes.browser.watch import Watch
from stagehold.probes.login.session import Identity, login_url, read_identity
from stagehold.probes.web.fill import fill
from stagehold.probes.web.login_form import find_login_form
from stagehold.redaction.registry import KNOWN
from stagehold.redaction.secret import Secret

_CLIENT_ERROR = 400
_SEND = """async ([url, method, headers, body]) => {
    await fetch(url, {method, headers, body, credentials: "include"});
}"""
_STORAGE = """() => {
    try { return [...Object.entries(localStorage), ...Object.entries(sessionStorage)]; } catch { return []; }
}"""
_LOG_OUT = re.compile(r"^\s*(log|sign)\s*-?\s*(out|off)\s*$", re.IGNORECASE)


class Stuck(Exception):
    """The page did not let the person go on; the message says at what."""


class Person:
    """One account with one page of a browser context.

    Every method raises Stuck when the page does not do what a person needs, and ProbeError when the target
    cannot be reached or the browser is gone.
    """

    def __init__(
        self,
        context: BrowserContext,
        target: Target,
        account: Account,
        flow: Flow,
        login_target: Target,
        *,
        watch: Watch,
    ) -> None:
        self.context = context
        self.watch = watch
        """What goes wrong in the browser of this person."""
        self.target = target
        self.login_target = login_target
        self.account = account
        self.flow = flow
        self.page: Page = context.new_page()
        # A person says yes to "Are you sure?".
        self.page.on("dialog", lambda dialog: dialog.accept())

    def log_in(self, password: Secret) -> None:
        """By the account's flow; whoami alone tells whether it worked."""
        match self.flow:
            case FormFlow():
                self._log_in_by_form(self.flow, password)
            case BasicFlow():
                pass
            case TokenFlow():
                self._log_in_by_script(self.flow, password)
        if self.whoami() is None:
            if isinstance(self.flow, TokenFlow):
                raise Uncovered(
                    f"the login of account {self.account.alias} gives the browser no session cookie; a journey needs a "
                    "flow of kind `form` or `basic`, or one whose login sets a cookie"
                )
            raise Stuck(f"{self.account.alias} is not logged in after the login form was sent")
        self._remember()

    def do(self, step: Step) -> None:
        """Perform one step whose placeholders are filled."""
        try:
            if step.goto is not None:
                self.open(step.goto)
            elif step.fill is not None:
                for label, value in step.fill.items():
                    self._labelled(label).fill(value)
            elif step.choose is not None:
                for label, option in step.choose.items():
                    self._labelled(label).select_option(label=option)
            elif step.click is not None:
                self._click(self._button(step.click))
            elif step.see is not None:
                self._text(step.see).wait_for(state="visible")
            elif step.log_out:
                self.log_out()
        except PlaywrightError as error:
            raise _explained(error, self.page) from error

    def open(self, path_or_url: str) -> None:
        """Go to a path of the target, as if typed into the address bar."""
        url = login_url(self.target, path_or_url)
        try:
            response = _visit(self.page, url)
        except PlaywrightError as error:
            raise ProbeError(f"the browser cannot open {urlsplit(url).path}: {first_line(error)}") from error
        if response.status >= _CLIENT_ERROR:
            raise Stuck(f"{urlsplit(url).path} answered {response.status}")

    def log_out(self) -> None:
        """By the control that leads to the declared logout, or the one that is called so."""
        path = self.flow.logout.path if isinstance(self.flow, FormFlow) and self.flow.logout else None
        control = self._named(_LOG_OUT)
        if path is not None:
            own = self.page.locator(f'form[action$="{path}"] :is(button, input[type=submit]), a[href$="{path}"]')
            control = own.or_(control)
        self._click(control.filter(visible=True).first)
        if self.whoami() is not None:
            raise Stuck(f"{self.account.alias} is still logged in after logging out")

    def whoami(self) -> Identity | None:
        """Whose session the browser holds, asked for by the browser itself in a page of its own."""
        page = self.context.new_page()
        try:
            answer = _answer(_visit(page, login_url(self.login_target, self.flow.whoami.path)))
        except PlaywrightError as error:
            raise ProbeError(f"the browser cannot ask whoami: {first_line(error)}") from error
        finally:
            page.close()
        return read_identity(answer, self.flow.whoami, self.account)

    def rest(self) -> None:
        """Wait until scripts and requests of the page have come to an end, for a few seconds at most."""
        try:
            self._settle()
        except PlaywrightError as error:
            raise _explained(error, self.page) from error

    def picture(self) -> bytes | None:
        """What the person sees, as PNG; None when the browser cannot show it."""
        try:
            return self.page.screenshot(full_page=True, mask=[self.page.locator("input[type=password]")])
        except PlaywrightError:
            return None

    def _remember(self) -> None:
        """Let no report show what the browser now holds: cookies, and what scripts have stored."""
        try:
            cookies = [(cookie["name"], cookie["value"]) for cookie in self.context.cookies()]
            stored = self.page.evaluate(_STORAGE)
        except PlaywrightError as error:
            raise _explained(error, self.page) from None
        for name, value in [*cookies, *stored]:
            for text in _strings(value):
                KNOWN.add_token(f"browser.{self.account.alias}.{name}", text)

    def _log_in_by_form(self, flow: FormFlow, password: Secret) -> None:
        self.open(login_url(self.login_target, flow.page))
        try:
            try:
                form = find_login_form(self.page.content(), self.page.url, flow.fields)
            except ProbeError:
                # A page that is built by a script shows its form a moment later.
                self.page.locator("input[type=password]").first.wait_for(state="visible")
                form = find_login_form(self.page.content(), self.page.url, flow.fields)
            inside = self.page.locator("form", has=self.page.locator(_by_name(form.password)))
            inside.locator(_by_name(form.user)).first.fill(self.account.user)
            secret = inside.locator(_by_name(form.password)).first
            secret.fill(password.reveal())
            secret.press("Enter")
            self.page.wait_for_load_state("load")
            self._settle()
        except PlaywrightError as error:
            raise _explained(error, self.page, secret=password) from None

    def _log_in_by_script(self, flow: TokenFlow, password: Secret) -> None:
        """Send the declared login as the page's own script would; the browser keeps the cookie it may set."""
        filled = fill(flow.login, {**person_values(self.account), "password": password.reveal()})
        self.open(login_url(self.login_target, filled.page or "/"))
        headers, body = dict(filled.headers), None
        if filled.json is not None:
            headers, body = {"Content-Type": "application/json", **headers}, json.dumps(filled.json)
        elif filled.form is not None:
            headers = {"Content-Type": "application/x-www-form-urlencoded", **headers}
            body = urlencode(filled.form)
        elif filled.raw is not None:
            body = filled.raw.decode()
        url = login_url(self.login_target, filled.path)
        try:
            self.page.evaluate(_SEND, [url, filled.method, headers, body])
        except PlaywrightError as error:
            text = first_line(error).replace(password.reveal(), "…")
            raise ProbeError(f"the browser cannot send {filled.method} {flow.login.path}: {text}") from None

    def _click(self, control: Locator) -> None:
        control.click()
        self.page.wait_for_load_state("load")
        self._settle()

    def _settle(self) -> None:
        """Let requests that a script has begun come back; a page that never rests is taken as it is."""
        try:
            self.page.wait_for_load_state("networkidle", timeout=3000)
        except PlaywrightTimeout:
            return

    def _labelled(self, label: str) -> Locator:
        return self.page.get_by_label(_name(label)).filter(visible=True)

    def _button(self, name: str) -> Locator:
        return self._named(_name(name)).filter(visible=True)

    def _named(self, name: re.Pattern[str]) -> Locator:
        button = self.page.get_by_role("button", name=name)
        return button.or_(self.page.get_by_role("link", name=name))

    def _text(self, text: str) -> Locator:
        return self.page.get_by_text(text).filter(visible=True).first


def _visit(page: Page, url: str) -> Response:
    """Load a page. An error status with an empty body is an answer, though Chromium calls it a failed load."""
    answers: list[Response] = []

    def note(response: Response) -> None:
        if response.request.is_navigation_request() and response.frame == page.main_frame:
            answers.append(response)

    page.on("response", note)
    try:
        response = page.goto(url, wait_until="load")
    except PlaywrightError as error:
        if "ERR_HTTP_RESPONSE_CODE_FAILURE" not in str(error) or not answers:
            raise
        response = answers[-1]
    finally:
        page.remove_listener("response", note)
    if response is None:
        raise ProbeError(f"the browser got no answer for {urlsplit(url).path}")
    return response


def _answer(response: Response) -> Answer:
    try:
        body = response.text()
    except PlaywrightError:
        if response.status < _CLIENT_ERROR:
            raise
        body = ""
    return Answer(
        method="GET",
        url=response.url,
        status=response.status,
        headers={name.lower(): value for name, value in response.headers.items()},
        body=body,
    )


def _name(text: str) -> re.Pattern[str]:
    """The name itself, with the colon or the star of required fields that pages put behind it."""
    return re.compile(rf"^\s*{re.escape(text)}\s*[:*]?\s*$")


def _by_name(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'input[name="{escaped}"]'


def _strings(value: str) -> list[str]:
    """A stored value, and the texts in it when it is JSON, as scripts store tokens."""
    try:
        document = json.loads(value)
    except ValueError:
        return [value]
    found, waiting = [value], [document]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, (list, dict)):
            waiting += item.values() if isinstance(item, dict) else item
    return found


def _explained(error: PlaywrightError, page: Page, secret: Secret | None = None) -> Stuck | ProbeError:
    """A missing element is the page's fault; a lost browser or connection is not."""
    text = first_line(error)
    if secret:
        text = text.replace(secret.reveal(), "…")
    if page.is_closed() or "crash" in text.lower() or "has been closed" in text or "net::ERR" in text:
        return ProbeError(f"the browser lost the page: {text}")
    where = urlsplit(page.url).path
    if isinstance(error, PlaywrightTimeout):
        return Stuck(f"not found or not usable in time on {where} ({text})")
    if "strict mode violation" in text:
        return Stuck(f"more than one element of that name on {where}")
    return Stuck(f"{text} on {where}")
