"""A value that shows itself to nobody: not in a message, a traceback, a dump or a pickle (CWE-532)."""

from __future__ import annotations

import hmac
from typing import NoReturn, final

HIDDEN = "[secret]"


@final
class Secret:
    """Text that only `reveal()` gives away; it is called where the text is sent, nowhere else."""

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    def reveal(self) -> str:
        """The text itself."""
        return self.__text

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        """Compared in constant time, and only with another secret."""
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.__text.encode(), other.__text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self.__text))

    def __bool__(self) -> bool:
        return bool(self.__text)

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("a secret cannot be pickled or copied into another process")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, _memo: object) -> Secret:
        return self


def reveal(value: Secret | str) -> str:
    """The text of a secret, or the text itself: for callers that also take what is no secret."""
    return value.reveal() if isinstance(value, Secret) else value
