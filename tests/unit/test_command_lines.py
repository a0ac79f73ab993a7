"""Command lines are legal shell: a shell splits them into exactly the words that were meant."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from stagehold.command_lines import credential, curl, header_of, nmap, quoted, s_client, variable

NASTY = ["a b", "it's", '"quoted"', "$HOME", "`id`", "a\\b", "x;y|z&&w", "{id}", "ü", "a" * 9000, "-x", "", "#no"]
SHELLS = [shell for shell in ("bash", "dash", "zsh") if shutil.which(shell)]


def words(command: str, shell: str = "bash", **variables: str) -> list[str]:
    """What a shell makes of a command line, which is not run."""
    script = f"curl() {{ for word; do printf '%s\\0' \"$word\"; done; }}; {command}"
    environment = {"PATH": "/usr/bin:/bin", **variables}
    done = subprocess.run([shell, "-c", script], env=environment, capture_output=True, timeout=20, check=True)
    return done.stdout.decode().split("\0")[:-1]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("text", NASTY)
def test_whatever_is_sent_arrives_as_it_was(text: str, shell: str) -> None:
    """Quotes, dollars, globs and nine thousand letters reach curl unchanged; long runs of one letter stay short."""
    command = curl("https://h.test/p", method="POST", headers={"X-A": text}, body=text)
    got = words(command, shell)

    assert got[got.index("--data-binary") + 1] == text
    assert got[got.index("-H") + 1] == (f"X-A: {text}" if text else "X-A;")
    assert len(command) < 400


@pytest.mark.parametrize("shell", SHELLS)
def test_placeholders_are_variables_of_the_shell(shell: str) -> None:
    """A placeholder takes what the variable holds, and the line says what to set it to."""
    held, note = header_of("alder.editor")
    url = "https://h.test/notes/{id}?q={canary}"
    command = curl(url, method="PUT", credentials=[held], body=json.dumps({"t": "{canary}"}), fill=True, notes=[note])
    got = words(command, shell, CREDENTIALS_OF_ALDER_EDITOR="Cookie: a=b c", ID="7", CANARY="it's")

    assert got[-1] == "https://h.test/notes/7?q=it's"
    assert '{"t": "it\'s"}' in got
    assert "Cookie: a=b c" in got
    assert "# CREDENTIALS_OF_ALDER_EDITOR is the header of a session of alder.editor" in command
    assert "ID is the id of such an object" in command


def test_names_of_variables_are_legal() -> None:
    """Whatever an account or a cookie is called."""
    for text in ("alder.editor", "__Host-session", "7of9", "", "zoë@example", "A B"):
        assert variable(text).isidentifier()
    assert words(f"curl {credential('cookie', 'a$b', 'X')}", X="v") == ["-b", "a$b=v"]
    assert words(f"curl {credential('header', 'Authorization', 'X', before='Bearer ')}", X="v") == [
        "-H",
        "Authorization: Bearer v",
    ]


def test_curl_asks_as_the_check_did() -> None:
    """The method, the address of the node that was meant, HEAD as HEAD; globs of URLs are off where they matter."""
    assert words(curl("https://h.test:8443/", address="192.0.2.7"))[-3:] == [
        "--resolve",
        "h.test:8443:192.0.2.7",
        "https://h.test:8443/",
    ]
    assert "--resolve h.test:443:[2001:db8::1]" in curl("https://h.test/", address="2001:db8::1").replace("'", "")
    assert "--resolve" not in curl("https://192.0.2.7/", address="192.0.2.7")
    assert "--head" in words(curl("https://h.test/", method="HEAD"))
    assert "-g" in words(curl("https://[2001:db8::1]/"))
    assert quoted("{id}") == "'{id}'"


def test_scans_name_the_very_place() -> None:
    """The port and address at fault, and the version of IP."""
    assert nmap("192.0.2.7", [5432]) == "nmap -Pn -n -p 5432 192.0.2.7"
    assert nmap("2001:db8::1", [1, 2], "-sU") == "nmap -6 -Pn -n -sU -p 1,2 2001:db8::1"
    assert nmap("192.0.2.7") == "nmap -Pn -n -p- 192.0.2.7"
    assert s_client("2001:db8::1", 25, "m.test", "smtp") == (
        "openssl s_client -connect '[2001:db8::1]:25' -servername m.test -starttls smtp"
    )
