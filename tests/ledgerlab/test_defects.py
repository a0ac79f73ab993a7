"""The seeded defects: data that apply cleanly, and faults that show."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from cryptography import x509

from ledgerlab.cli import main
from ledgerlab.defects import DEFECTS, Certificate, Defect, select
from ledgerlab.lab import pki
from ledgerlab.lab.deployment import SERVICE, deploy, source_digest
from ledgerlab.lab.errors import LabError
from ledgerlab.service.version import build_digest

if TYPE_CHECKING:
    from tests.ledgerlab.conftest import Lab


def test_names_are_slugs_and_none_is_there_twice() -> None:
    """Checks name defects, so each name means one fault."""
    names = [defect.name for defect in DEFECTS]

    assert len(set(names)) == len(names) > 10
    assert all(re.fullmatch(r"[a-z0-9.]+(-[a-z0-9.]+)*", name) for name in names)


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda d: d.name)
def test_each_edit_applies_once_and_leaves_valid_code(defect: Defect, tmp_path: Path) -> None:
    """Every text to be replaced occurs exactly once in the service, and the result is Python."""
    for edit in defect.edits:
        assert (SERVICE / edit.file).read_text().count(edit.before) == 1, edit
    candidate = deploy(tmp_path, [defect])
    deployed = build_digest(tmp_path / "app" / "ledgerlab" / "service")
    for path in tmp_path.rglob("*.py"):
        compile(path.read_text(), str(path), "exec")
    changed = candidate != source_digest()
    assert changed is bool((defect.edits or defect.files) and defect.in_candidate)
    assert (candidate != deployed) is (not defect.in_candidate)


def test_all_defects_apply_together(tmp_path: Path) -> None:
    """They are independent: no edit is in another's way."""
    assert deploy(tmp_path, DEFECTS) != source_digest()


def test_an_edit_that_does_not_apply_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect whose text is gone from the service stops the deployment instead of doing nothing."""
    source = tmp_path / "service"
    shutil.copytree(SERVICE, source)
    monkeypatch.setattr("ledgerlab.lab.deployment.SERVICE", source)
    (source / "version.py").write_text('RELEASE = "2.0.0"\n')
    with pytest.raises(LabError, match="occurs 0 times"):
        deploy(tmp_path / "D", select(("previous-build-deployed",)))


def test_unknown_defect_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A misspelt name is an error that lists the names, and no laboratory is made."""
    assert main(["up", "--dir", str(tmp_path / "D"), "--defect", "hsts"]) == 2
    assert "slow-endpoint" in capsys.readouterr().err
    assert not (tmp_path / "D").exists()


def test_defects_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """One per line, name first."""
    assert main(["defects"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [defect.name for defect in DEFECTS]


@pytest.mark.parametrize(
    ("how", "names", "certificates"),
    [
        (Certificate(), ["partners.demo.test"], 2),
        (Certificate(with_intermediate=False), ["partners.demo.test"], 1),
        (Certificate(name="payroll.demo.test"), ["payroll.demo.test"], 2),
        (Certificate(days_left=3), ["partners.demo.test"], 2),
    ],
)
def test_certificates_are_issued_as_asked(
    how: Certificate, names: list[str], certificates: int, tmp_path: Path
) -> None:
    """Name, days left and served chain are those of the defect, and nothing else differs."""
    pki.Authority("http://192.0.2.1/issuing.crl").issue(
        tmp_path, "ledger.demo.test", "partners.demo.test", how, "mail.test"
    )
    chain = x509.load_pem_x509_certificates((tmp_path / "partners.pem").read_bytes())
    leaf = chain[0]
    alternatives = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert alternatives.get_values_for_type(x509.DNSName) == names
    assert len(chain) == certificates
    left = leaf.not_valid_after_utc - max(leaf.not_valid_before_utc, leaf.not_valid_after_utc - pki.LIFETIME)
    assert left.days == 90
    roots = x509.load_pem_x509_certificates((tmp_path / "ca.pem").read_bytes())
    store = x509.verification.PolicyBuilder().store(x509.verification.Store(roots))
    verifier = store.build_server_verifier(x509.DNSName(names[0]))
    if certificates == 2:
        assert len(verifier.verify(leaf, chain[1:])) == 3
    else:
        with pytest.raises(x509.verification.VerificationError):
            verifier.verify(leaf, [])


def _open(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((address, port)) == 0


def test_configuration_defects_show(lab: Lab, broken_lab: Lab) -> None:
    """Ports, TLS versions, the digest and the account are wrong with the defects and right without."""
    for one, broken in ((lab, False), (broken_lab, True)):
        assert _open(one.web, 8081) is broken
        assert _open(one.web, 8080) is not broken
        assert _open(f"{one.ready['prefix']}20", 5432) is broken
        assert _old_tls(one) is broken
        digest = one.anonymous().get(f"{one.base}/version", timeout=10).json()["digest"]
        assert (digest != (one.folder / "release.digest").read_text().strip()) is broken
        login = {"username": "b_acct", "password": one.password("b_acct")}
        answer = one.anonymous().post(f"{one.base}/api/auth/token", json=login, timeout=10)
        assert (answer.status_code == 401) is broken


def _old_tls(lab: Lab) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    try:
        with socket.create_connection((lab.web, 8443), 5) as raw, context.wrap_socket(raw) as tls:
            return tls.version() == "TLSv1.1"
    except (ssl.SSLError, ConnectionError):
        return False


def test_missing_guards_show(lab: Lab, broken_lab: Lab) -> None:
    """Strangers and other companies get in with the defects, and only there."""
    for one, broken in ((lab, False), (broken_lab, True)):
        answer = one.anonymous().get(f"{one.base}/api/accounts", timeout=10)
        assert answer.status_code == (200 if broken else 401)
        assert ("strict-transport-security" in answer.headers) is True
        missing = one.anonymous().get(f"{one.base}/api/me", timeout=10)
        assert ("strict-transport-security" in missing.headers) is not broken
        owner, stranger = one.token("a_acct"), one.token("b_main")
        url = f"{one.base}/api/invoices/{one.invoice(owner)['id']}"
        assert (stranger.get(url, timeout=10).status_code == 200) is broken
        changed = stranger.patch(url, json={"reference": "stolen"}, timeout=10)
        assert (changed.status_code == 200) is broken
        assert (owner.get(url, timeout=10).json()["reference"] == "stolen") is broken
        assert stranger.delete(url, timeout=10).status_code == 404


def test_sessions_and_locks_that_do_not_end_show(lab: Lab, broken_lab: Lab) -> None:
    """Logged-out sessions stay alive and locked accounts get in with the defects, and only there."""
    for one, broken in ((lab, False), (broken_lab, True)):
        client, browser = one.token("a_emp"), one.browser("a_emp")
        kept = "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.cookies)
        form = one.form_token(browser.get(f"{one.base}/", timeout=10).text)
        browser.post(f"{one.base}/logout", data={"csrf_token": form}, timeout=10)
        client.post(f"{one.base}/api/auth/logout", timeout=10)
        alive = [
            client.get(f"{one.base}/api/me", timeout=10),
            one.anonymous().get(f"{one.base}/api/me", headers={"Cookie": kept}, timeout=10),
        ]
        assert [answer.ok for answer in alive] == [broken, broken]
        assert _right_after_wrong(one, "c_sac12") is broken


def _right_after_wrong(lab: Lab, user: str) -> bool:
    url = f"{lab.base}/api/auth/token"
    answers: list[requests.Response] = [
        lab.anonymous().post(url, json={"username": user, "password": password}, timeout=10)
        for password in (*["wrong"] * 6, lab.password(user))
    ]
    return answers[-1].ok


def test_broken_and_slow_handlers_show(lab: Lab, broken_lab: Lab) -> None:
    """Approve does nothing and the invoice list takes two seconds with the defects, and only there."""
    for one, broken in ((lab, False), (broken_lab, True)):
        main_user = one.browser("a_main")
        form = one.form_token(main_user.get(f"{one.base}/vouchers/new", timeout=10).text)
        data: dict[str, Any] = {"day": "2026-01-31", "text": "x", "debit": 6300, "credit": 1200, "amount": "1"}
        page = main_user.post(f"{one.base}/vouchers", data=data | {"csrf_token": form}, timeout=10)
        token = one.form_token(page.text)
        done = main_user.post(f"{page.url}/approve", data={"csrf_token": token}, timeout=10)
        assert done.status_code == 200
        assert ("approved" in done.text) is not broken
        answer = one.token("a_acct").get(f"{one.base}/api/invoices", timeout=10)
        assert answer.ok
        assert (answer.elapsed.total_seconds() > 1.9) is broken


def test_partners_name_has_the_certificate_of_the_defect(lab: Lab, broken_lab: Lab) -> None:
    """A client that asks for the partners' name gets that name's certificate, or with the defect another one's."""

    def names(of: Lab, asked: str) -> list[str]:
        context = ssl.create_default_context(cafile=str(of.folder / "pki" / "ca.pem"))
        context.check_hostname = False
        with (
            socket.create_connection((of.web, 8443), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname=asked) as secure,
        ):
            leaf = x509.load_der_x509_certificate(secure.getpeercert(binary_form=True) or b"")
        alternatives = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return alternatives.get_values_for_type(x509.DNSName)

    assert names(lab, "ledger.demo.test") == ["ledger.demo.test", "api.demo.test"]
    assert names(lab, "partners.demo.test") == ["partners.demo.test"]
    assert names(broken_lab, "partners.demo.test") == ["payroll.demo.test"]
    assert names(broken_lab, "ledger.demo.test") == ["ledger.demo.test", "api.demo.test"]
