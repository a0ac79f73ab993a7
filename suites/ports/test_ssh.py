"""How the declared SSH servers let people in."""

from stagehold import check


@check(
    "NET-015",
    severity="critical",
    proves=["management-restricted", "brute-force-resistance"],
    why="Whoever can type a password into SSH can guess one, day and night, and then owns the machine.",
    remedy="In sshd_config: `PasswordAuthentication no`, `KbdInteractiveAuthentication no`, and `KexAlgorithms`, "
    "`HostKeyAlgorithms`, `Ciphers` and `MACs` without what is named here.",
    defects=["ssh-passwords-accepted"],
)
def test_ssh_takes_no_passwords_and_nothing_weak(ssh_servers, evidence):
    """Declared SSH servers accept no password authentication and offer no weak algorithm.

    Each port with `service: ssh`, at every address, from outside where it is declared for the outside, else from the
    first vantage of its `from`. Two kinds of connections: one reads the algorithms, which a server names in clear; one
    finishes a key exchange and asks, with the request `none`, how a user would be let in: a user that does not exist,
    and those of the port's `users`. Servers may answer others differently (`Match User`). Nobody tries to log in.
    `password`, `keyboard-interactive` and `none` fail as first methods; after a key they are second factors and fine.
    Weak is what the vendored profile says (probes/ssh/algorithms.yaml, each line with its source): SHA-1 and small
    groups in key exchange, DSA and SHA-1 host keys, RC4, CBC and 64-bit blocks, MD5 and short MACs, SSH 1, and
    ChaCha20 without strict key exchange. OpenSSH's own defaults hold umac-64 and fail. Sizes of RSA host keys and of
    groups that are agreed on are not looked at.
    Inconclusive: refused, silent or throttled connections (tried twice), a vantage that cannot be used, names that the
    profile does not know, and a server that shares no key exchange with asyncssh. Not applicable without such a port.
    Sources: RFC 4252, RFC 9142, RFC 8758, RFC 8332, CVE-2023-48795, CIS Debian Linux 12, ASVS 12.3.1, CWE-308.
    """
    rows = [
        (str(s), s.vantage, s.hello.version if s.hello else "", told.user, " ".join(told.names))
        for s in ssh_servers.seen
        for told in s.methods
    ]
    evidence.table("ways to log in", ("server", "looked at from", "version", "user", "methods"), rows)
    offered = [(str(s), j.about, j.name, j.verdict.value, j.why, j.source) for s in ssh_servers.seen for j in s.judged]
    evidence.table("algorithms", ("server", "kind", "name", "verdict", "why", "source"), offered)
    wrong = ssh_servers.wrong
    evidence.compare(
        expected="no password, no keyboard-interactive, no login without proof, and sound algorithms only",
        observed="; ".join(wrong)
        or "; ".join(
            f"{s}: {', '.join(dict.fromkeys(name for told in s.methods for name in told.names)) or s.problem}"
            for s in ssh_servers.seen
        )
        or "nothing was seen",
    )
    if ssh_servers.seen:
        evidence.reproduce(next((s for s in ssh_servers.seen if s.complaints), ssh_servers.seen[0]).reproduction)

    assert not wrong, "; ".join(wrong)
    ssh_servers.require_complete()
