"""Companies, roles and strangers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.ledgerlab.conftest import Lab

pytestmark = pytest.mark.slow

PUBLIC = {"GET /healthz", "GET /version", "POST /api/auth/token", "POST /api/partner/token"}


def test_strangers_get_nothing_that_is_not_public(lab: Lab) -> None:
    """Every operation of the OpenAPI description answers 401 without a session, except four."""
    client = lab.anonymous()
    paths = client.get(f"{lab.base}/openapi.json", timeout=10).json()["paths"]
    operations = {
        f"{method.upper()} {path}": client.request(
            method, lab.base + path.replace("{", "").replace("}", ""), json={}, timeout=10
        ).status_code
        for path, methods in paths.items()
        for method in methods
    }
    assert len(operations) > 20
    assert {name for name, status in operations.items() if status != 401} == PUBLIC


@pytest.mark.parametrize("path", ["/", "/invoices", "/invoices/1", "/vouchers/new", "/payslips", "/reports", "/users"])
def test_pages_send_strangers_to_the_login(lab: Lab, path: str) -> None:
    """A page without a session is a redirect to /login."""
    answer = lab.anonymous().get(lab.base + path, allow_redirects=False, timeout=10)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


def test_another_company_reads_nothing(lab: Lab) -> None:
    """An invoice of A is, for B, the same 404 as one that does not exist; and it is in no list or export."""
    owner, stranger = lab.token("a_acct"), lab.token("b_acct")
    invoice = lab.invoice(owner)
    url = f"{lab.base}/api/invoices"
    foreign = stranger.get(f"{url}/{invoice['id']}", timeout=10)
    missing = stranger.get(f"{url}/99999999", timeout=10)
    assert owner.get(f"{url}/{invoice['id']}", timeout=10).json() == invoice
    assert foreign.status_code == missing.status_code == 404
    assert foreign.json()["detail"] == missing.json()["detail"]
    for path in ("/api/invoices?limit=200", "/api/invoices/export.csv", "/api/audit"):
        assert invoice["reference"] not in stranger.get(lab.base + path, timeout=10).text
    assert lab.browser("b_acct").get(f"{lab.base}/invoices/{invoice['id']}", timeout=10).status_code == 404


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_another_company_writes_nothing(lab: Lab, method: str) -> None:
    """No write of B reaches an invoice of A; the same write of its owner does."""
    owner, stranger = lab.token("a_acct"), lab.token("b_acct")
    invoice = lab.invoice(owner)
    url = f"{lab.base}/api/invoices/{invoice['id']}"
    body = {"customer": "changed", "reference": "changed", "amount_cents": 1, "due": "2031-01-01"}
    assert stranger.request(method, url, json=body, timeout=10).status_code == 404
    assert owner.get(url, timeout=10).json() == invoice
    assert owner.request(method, url, json=body, timeout=10).ok
    assert owner.get(url, timeout=10).text != str(invoice)


def test_another_company_cannot_approve(lab: Lab) -> None:
    """The main user of B cannot approve a voucher of A."""
    owner = lab.token("a_main")
    body = {
        "day": "2026-01-31",
        "text": "rent",
        "postings": [{"account": 6300, "debit_cents": 9}, {"account": 1200, "credit_cents": 9}],
    }
    voucher = owner.post(f"{lab.base}/api/vouchers", json=body, timeout=10).json()
    url = f"{lab.base}/api/vouchers/{voucher['id']}"
    assert lab.token("b_main").post(f"{url}/approve", timeout=10).status_code == 404
    assert owner.get(url, timeout=10).json()["status"] == "posted"
    assert owner.post(f"{url}/approve", timeout=10).json()["status"] == "approved"
    assert owner.post(f"{url}/approve", timeout=10).status_code == 409


@pytest.mark.parametrize(
    ("user", "method", "path"),
    [
        ("a_emp", "GET", "/api/invoices"),
        ("a_emp", "GET", "/api/invoices/export.csv"),
        ("a_emp", "GET", "/api/reports/trial-balance"),
        ("a_emp", "GET", "/api/users"),
        ("a_acct", "GET", "/api/users"),
        ("a_acct", "GET", "/api/audit"),
        ("a_acct", "POST", "/api/vouchers/1/approve"),
    ],
)
def test_roles_are_kept_apart(lab: Lab, user: str, method: str, path: str) -> None:
    """What a role was not granted is answered with 403."""
    assert lab.token(user).request(method, lab.base + path, timeout=10).status_code == 403


def test_payslips_are_personal(lab: Lab) -> None:
    """An employee sees the own payslips only, the accountant those of the company, and nobody another's."""
    url = f"{lab.base}/api/payslips"
    own = lab.token("a_emp").get(url, timeout=10).json()
    other = lab.token("a_emp2").get(url, timeout=10).json()
    company = {slip["id"] for slip in lab.token("a_acct").get(url, timeout=10).json()}
    assert len(own) == len(other) == 1
    assert own[0]["user_id"] != other[0]["user_id"]
    assert lab.token("a_emp").get(f"{url}/{other[0]['id']}", timeout=10).status_code == 404
    assert company == {own[0]["id"], other[0]["id"]}


def test_main_user_manages_people_of_the_own_company(lab: Lab) -> None:
    """A person is created, logs in, is disabled, and is out at once; another company's people are not found."""
    main, stranger = lab.token("a_main"), lab.token("b_main")
    password = "long enough and random 7431"
    body = {"username": "a_new", "full_name": "New", "role": "employee", "password": password}
    user = main.post(f"{lab.base}/api/users", json=body, timeout=10).json()
    assert "password" not in str(user)
    url = f"{lab.base}/api/users/{user['id']}"
    assert stranger.patch(url, json={"active": False}, timeout=10).status_code == 404
    (lab.folder / "secrets" / "a_new").write_text(password)
    session = lab.token("a_new")
    assert main.patch(url, json={"active": False}, timeout=10).json()["active"] is False
    assert session.get(f"{lab.base}/api/me", timeout=10).status_code == 401
    assert "create user" in main.get(f"{lab.base}/api/audit", timeout=10).text


def test_a_client_cannot_say_whose_an_invoice_is(lab: Lab) -> None:
    """Fields that are the server's business are refused, not ignored."""
    body = {"customer": "C", "reference": "R", "amount_cents": 5, "due": "2030-01-01", "company_id": 2}
    assert lab.token("a_acct").post(f"{lab.base}/api/invoices", json=body, timeout=10).status_code == 422
