"""The companies and people of every laboratory, and their passwords."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

COMPANIES = {"A": "Alder Bakery Ltd", "B": "Birch Joinery Ltd", "C": "Cedar Transport Ltd"}
SACRIFICIAL = 18


@dataclass(frozen=True)
class Person:
    """An account to be made; the user name is also the name of its password file."""

    username: str
    company: str
    role: str
    full_name: str


PEOPLE: tuple[Person, ...] = (
    Person("a_main", "A", "main_user", "Maja Alder"),
    Person("a_acct", "A", "accountant", "Aron Alder"),
    Person("a_emp", "A", "employee", "Ebba Olsen"),
    Person("a_emp2", "A", "employee", "Emil Persson"),
    Person("b_main", "B", "main_user", "Mika Birch"),
    Person("b_acct", "B", "accountant", "Anna Birch"),
    Person("b_emp", "B", "employee", "Elsa Quist"),
    Person("c_main", "C", "main_user", "Milo Cedar"),
    *(Person(f"c_sac{n:02}", "C", "employee", f"Spare Person {n}") for n in range(1, SACRIFICIAL + 1)),
)


def make_passwords(folder: Path) -> None:
    """One random password per person, each in a file of its own that only the owner can read."""
    folder.mkdir(mode=0o700)
    for person in PEOPLE:
        path = folder / person.username
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(18))
