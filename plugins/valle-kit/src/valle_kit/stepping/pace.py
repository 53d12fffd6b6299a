"""Whether sharing a step out among threads pays, found out while stepping."""

from __future__ import annotations

FIRST_INTERVAL, LAST_INTERVAL = 8, 512
"""Steps until the slower way is tried again: doubled each time it stays the slower one."""


class Pace:
    """Chooses between all threads together and one alone by the time each has taken.

    On a machine whose cores are in use, threads that wait for one another lose far more than they share: beside
    five busy processes on two cores a step of 0.7 ms alone took 18 ms together, on idle cores 0.4 ms.
    """

    def __init__(self) -> None:
        self._seconds = {True: 0.0, False: 0.0}  # zero: not known yet, hence tried next
        self._interval = self._countdown = FIRST_INTERVAL

    def together(self) -> bool:
        """Which way the next step goes."""
        faster = self._faster()
        return faster if self._countdown else not faster

    def took(self, together: bool, seconds: float) -> None:
        """A step went this way and took so long."""
        faster, known = self._faster(), self._seconds[together]
        if known and together == faster:  # one hiccup must not decide
            self._seconds[together] = 0.7 * known + 0.3 * min(seconds, 4 * known)
        else:
            self._seconds[together] = seconds
        if self._countdown:
            self._countdown -= 1
        else:
            self._interval = min(2 * self._interval, LAST_INTERVAL)
            self._countdown = self._interval
        if self._faster() != faster:
            self._interval = self._countdown = FIRST_INTERVAL

    def _faster(self) -> bool:
        return self._seconds[True] <= self._seconds[False]
