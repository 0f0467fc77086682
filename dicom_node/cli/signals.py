"""What signals asked for. The handler only notes it: it may interrupt the holder of any lock, so it takes none."""

from __future__ import annotations

import signal


class Signals:
    """Notes these signals from its making on, in place of their default effect."""

    def __init__(self, *numbers: signal.Signals) -> None:
        self._seen: list[int] = []
        for number in numbers:
            signal.signal(number, self._note)

    def _note(self, number: int, frame: object) -> None:
        self._seen.append(number)

    def stop_asked(self) -> bool:
        """Whether SIGTERM or SIGINT came."""
        return signal.SIGTERM in self._seen or signal.SIGINT in self._seen

    def take(self, number: signal.Signals) -> bool:
        """Whether this signal came since it was last taken."""
        seen = number in self._seen
        while number in self._seen:
            self._seen.remove(number)
        return seen
