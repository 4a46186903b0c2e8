"""Raw data beyond the retention that the operator set are deleted; nothing else deletes by age.

The pipeline freezes a window as soon as its inputs reach before the same horizon. Deletion lags a
day behind it, so a rebuild that began just before a window froze still reads all of its data.
"""

from __future__ import annotations

from typing import Final

from livinglab.model import Theme
from livinglab.store.base import Store
from livinglab.timeline import DAY_NS, floor_day

_LAG_DAYS: Final = 1


class Retention:
    """Deletes from `raw`, once for each day that passes.

    Parameters
    ----------
    store : Store
        Its bucket `raw` is cut; the permission to write suffices.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._done_ns = 0

    def expire(self, days: int, now_ns: int) -> bool:
        """Delete what is older than `days` and the lag, counted in whole UTC days.

        Parameters
        ----------
        days : int
            0 keeps everything.
        now_ns : int
            The present, UTC ns.

        Returns
        -------
        bool
            Whether this call deleted; False when this day's turn is over.

        Raises
        ------
        StoreError
            If the store fails; the next call does it all again.
        """
        before_ns = floor_day(now_ns - (days + _LAG_DAYS) * DAY_NS)
        if days == 0 or before_ns == self._done_ns:
            return False
        for theme in Theme:
            self._store.delete("raw", theme.value, 0, before_ns)
        self._done_ns = before_ns
        return True
