"""A project: one configuration, its registry, and the store that it names."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from livinglab import config
from livinglab.registry import Registry

if TYPE_CHECKING:
    from livinglab.store.base import Store


class Project:
    """Registry, store and settings of one installation.

    Parameters
    ----------
    registry : Registry
        The snapshot in force; `reload` takes a new one, whole.
    store : Store, optional
        The store; opened from the settings when it is first asked for.
    state_dir : Path, optional
        Folder of locks, journal and loader state; by default what the settings say.
    config_dir : Path, optional
        Where the registry was read from, which `reload` reads again.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        store: Store | None = None,
        state_dir: Path | None = None,
        config_dir: Path | None = None,
    ) -> None:
        self.registry = registry
        self.config_dir = config_dir
        self.state_dir: Path = registry.settings.state_dir if state_dir is None else state_dir
        self._store = store
        self._opening = threading.Lock()

    @classmethod
    def open(cls, config_dir: Path | None = None) -> Project:
        """Load the configuration; the store is opened when it is first asked for.

        Parameters
        ----------
        config_dir : Path, optional
            Folder of livinglab.yaml; else LIVINGLAB_CONFIG, else ./config.

        Raises
        ------
        ConfigError
            With everything that is wrong in the configuration.
        """
        folder = config.config_dir(config_dir)
        return cls(config.load_registry(folder), config_dir=folder)

    @property
    def store(self) -> Store:
        """The store that the settings name."""
        with self._opening:
            if self._store is None:
                from livinglab.store import open_store  # noqa: PLC0415 - only who reads needs it

                self._store = open_store(
                    self.registry.settings.store,
                    token=config.secret("store_token"),
                    state_dir=self.state_dir,
                )
            return self._store

    def reload(self) -> bool:
        """Take the configuration as it is now; the old one stays when the new one is broken.

        Returns
        -------
        bool
            Whether anything changed.

        Raises
        ------
        ConfigError
            If the new configuration is wrong.
        """
        if self.config_dir is None:
            return False
        registry = config.load_registry(self.config_dir)
        is_new = registry.version != self.registry.version
        self.registry = registry
        return is_new

    def close(self) -> None:
        """Release the store's connections."""
        with self._opening:
            if self._store is not None:
                self._store.close()
                self._store = None
