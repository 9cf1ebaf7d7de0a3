"""The store, used from an event loop: every call runs in one worker thread, in order."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, TypeVar

from .catalogue_store import CatalogueStore

P = ParamSpec("P")
T = TypeVar("T")


class StoreWorker:
    """One thread that owns a store; opening it is the first thing that the thread does.

    Parameters
    ----------
    opener
        Returns the store; called again after it failed, so that a database that comes back later is used then.
    """

    def __init__(self, opener: Callable[[], CatalogueStore]) -> None:
        self._opener = opener
        self._store: CatalogueStore | None = None
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    async def run(self, method: Callable[Concatenate[CatalogueStore, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the result of `method`, a method of `CatalogueStore`, called in the thread.

        Raises
        ------
        StoreError
            If the store cannot be opened, or the method raises it.
        """

        def call() -> T:
            if self._store is None:
                self._store = self._opener()
            return method(self._store, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    async def close(self) -> None:
        """Finish what was begun, then let go of the database."""

        def finish() -> None:
            if self._store is not None:
                self._store.close()

        await asyncio.get_running_loop().run_in_executor(self._pool, finish)
        self._pool.shutdown()
