"""Double entry, idempotency, reports."""

from __future__ import annotations

import csv
import io
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.ledgerlab.conftest import Lab

pytestmark = pytest.mark.slow


def _voucher(*lines: tuple[int, int, int], text: str = "test") -> dict[str, Any]:
    postings = [{"account": account, "debit_cents": d, "credit_cents": c} for account, d, c in lines]
    return {"day": "2026-01-31", "text": text, "postings": postings}


@pytest.mark.parametrize(
    "lines",
    [
        ((1200, 100, 0), (4000, 0, 99)),
        ((1200, 0, 0), (4000, 0, 0)),
        ((1200, 100, 100), (4000, 100, 100)),
        ((1200, 100, 0), (9999, 0, 100)),
        ((1200, -100, 0), (4000, 0, -100)),
        ((1200, 100, 0),),
    ],
    ids=["unbalanced", "empty", "both sides", "unknown account", "negative", "one line"],
)
def test_what_is_no_double_entry_is_refused(lab: Lab, lines: tuple[tuple[int, int, int], ...]) -> None:
    """A voucher that does not balance on known accounts leaves no trace."""
    client = lab.token("b_acct")
    text = secrets.token_hex(8)
    answer = client.post(f"{lab.base}/api/vouchers", json=_voucher(*lines, text=text), timeout=10)
    assert answer.status_code == 422
    assert text not in client.get(f"{lab.base}/api/vouchers", timeout=10).text


def test_trial_balance_adds_up(lab: Lab) -> None:
    """A voucher moves both totals by its amount, and the difference stays zero."""
    client = lab.token("b_acct")

    def balance() -> dict[str, Any]:
        facts: dict[str, Any] = client.get(f"{lab.base}/api/reports/trial-balance", timeout=10).json()
        return facts

    before = balance()
    assert client.post(f"{lab.base}/api/vouchers", json=_voucher((1200, 70, 0), (4000, 0, 70)), timeout=10).ok
    after = balance()
    assert after["debit_total"] - before["debit_total"] == 70
    assert after["credit_total"] - before["credit_total"] == 70
    assert after["difference"] == 0


def test_an_idempotency_key_works_once(lab: Lab) -> None:
    """Eight requests at the same time with one key post one voucher; another request with it is refused."""
    client = lab.token("a_acct")
    text, headers = secrets.token_hex(8), {"Idempotency-Key": secrets.token_hex(8)}
    body = _voucher((1200, 5, 0), (4000, 0, 5), text=text)
    url = f"{lab.base}/api/vouchers"
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.post(url, json=body, headers=headers, timeout=10), range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert client.get(url, timeout=10).text.count(text) == 1
    other = _voucher((1200, 6, 0), (4000, 0, 6), text=text)
    assert client.post(url, json=other, headers=headers, timeout=10).status_code == 409


def test_a_key_of_a_failed_request_can_be_used_again(lab: Lab) -> None:
    """A refused voucher does not use up its key."""
    client = lab.token("a_acct")
    headers = {"Idempotency-Key": secrets.token_hex(8)}
    bad, good = _voucher((1200, 5, 0), (4000, 0, 4)), _voucher((1200, 5, 0), (4000, 0, 5))
    url = f"{lab.base}/api/vouchers"
    assert client.post(url, json=bad, headers=headers, timeout=10).status_code == 422
    assert client.post(url, json=good, headers=headers, timeout=10).status_code == 201


def test_export_holds_the_invoices_and_no_formulas(lab: Lab) -> None:
    """The CSV file can be opened in a spreadsheet without running anything."""
    client = lab.token("a_acct")
    invoice = lab.invoice(client, customer="=HYPERLINK(1)")
    rows = csv.DictReader(io.StringIO(client.get(f"{lab.base}/api/invoices/export.csv", timeout=10).text))
    row = next(row for row in rows if row["id"] == str(invoice["id"]))
    assert row["customer"] == "'=HYPERLINK(1)"
    assert row["reference"] == invoice["reference"]


def test_a_voucher_goes_through_the_pages(lab: Lab) -> None:
    """Posted and approved with forms, it is approved in the API too."""
    main = lab.browser("a_main")
    text = secrets.token_hex(8)
    form = main.get(f"{lab.base}/vouchers/new", timeout=10).text
    data = {"day": "2026-01-31", "text": text, "debit": "6300", "credit": "1200", "amount": "12.34"}
    page = main.post(f"{lab.base}/vouchers", data=data | {"csrf_token": lab.form_token(form)}, timeout=10)
    assert text in page.text
    assert "12.34" in page.text
    url = page.url
    assert "approved" not in page.text
    assert "approved" in main.post(f"{url}/approve", data={"csrf_token": lab.form_token(page.text)}, timeout=10).text
    number = url.rsplit("/", 1)[1]
    voucher = lab.token("a_acct").get(f"{lab.base}/api/vouchers/{number}", timeout=10).json()
    assert voucher["status"] == "approved"
    assert voucher["postings"][0]["debit_cents"] == 1234
