"""What bookkeepers do every day: journeys written in Python, for what a list of steps cannot say."""

from playwright.sync_api import expect

from stagehold import check


@check(
    "JRN-001",
    severity="critical",
    proves=["working-journeys"],
    why="A voucher that is not in the books is money nobody accounts for.",
    remedy="Follow the screenshot; then look at the voucher handler's log for the time of the check.",
    requires=["AUT-001"],
    needs=["accounts", "flows"],
    traffic="canary-write",
)
def test_posted_voucher_reaches_the_colleague(page_as, api_as, troubles, fresh_canary, evidence):
    """A voucher that one bookkeeper posts in the browser is in the colleague's list, once, and posted.

    The colleague's list is read through the API in a session of its own.
    """
    text = fresh_canary()
    page = page_as("a_main")
    page.goto("/vouchers/new")
    page.get_by_label("Text").fill(text)
    page.get_by_label("Amount").fill("125.50")
    page.get_by_label("Debit account").select_option(label="1200 Bank")
    page.get_by_label("Credit account").select_option(label="4000 Sales")
    page.get_by_role("button", name="Post voucher").click()
    expect(page.get_by_text(text).first).to_be_visible()
    assert troubles() == ()

    vouchers = api_as("a_acct").get("/api/vouchers").json()
    found = [voucher["status"] for voucher in vouchers if voucher["text"] == text]
    evidence.compare(expected="one posted voucher in the colleague's list", observed=f"{len(found)} found: {found}")
    evidence.reproduce("stagehold check ENVIRONMENT JRN-001 --trace")

    assert found == ["posted"], f"the colleague's list holds the voucher {len(found)} times: {found}"
