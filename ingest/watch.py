"""Notices that the configuration folder has changed, and that the change is over.

An editor or `git pull` writes files one by one; a folder is taken as changed once two looks in a
row see the same new state, so that half an edit is not read.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_ENDINGS: Final = (".yaml", ".yml", ".csv")
Looks = dict[str, tuple[int, int]]


class ConfigWatch:
    """Looks at names, sizes and times of the files of a configuration folder.

    Parameters
    ----------
    directory : Path
        The folder; its state now is taken as known.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known = self._looks()
        self._seen = self._known

    def has_changed(self) -> bool:
        """Whether it has changed since the last True, and is at rest since the last look."""
        now = self._looks()
        at_rest, self._seen = now == self._seen, now
        if not at_rest or now == self._known:
            return False
        self._known = now
        return True

    def _looks(self) -> Looks:
        looks: Looks = {}
        for folder, _, names in os.walk(self._directory):
            for name in names:
                if name.endswith(_ENDINGS):
                    path = os.path.join(folder, name)  # noqa: PTH118 - twice a second
                    try:
                        about = os.stat(path)  # noqa: PTH116
                    except OSError:  # gone between the two calls
                        continue
                    looks[path] = (about.st_mtime_ns, about.st_size)
        return looks
