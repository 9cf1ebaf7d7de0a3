"""Changes that build nothing: undo, redo, rename, delete, restore. Each is one ``rename``."""

from collections.abc import Callable
from dataclasses import dataclass

from strata_lab import housekeeping, judging, reading
from strata_lab.changes import Delete, Redo, Rename, Restore, Undo
from strata_lab.environments import Record
from strata_lab.errors import Conflict, NotFound
from strata_lab.lease import Lease
from strata_lab.plans import Effort, Plan
from strata_lab.store import Store

Moving = Undo | Redo | Rename | Delete | Restore


@dataclass(frozen=True, slots=True)
class Pointers:
    """Moves what names generations.

    Attributes
    ----------
    unreadable
        Makes the record of a generation whose own cannot be read, of its environment's name and its identifier.
    """

    store: Store
    unreadable: Callable[[str, str], Record]

    def plan(self, request: Moving) -> Plan:
        """Return what a move would do.

        Raises
        ------
        NotFound, Conflict
            If there is nothing to move, or something in the way.
        """
        before, after = self._ends(request)
        added, upgraded, removed = judging.compared(before, after.locked if after else ())
        moves = isinstance(request, Undo | Redo)
        return Plan(
            environment=request.environment,
            action=request.action,
            effort=Effort.SWITCH,
            intent=after.intent if after else None,
            resolved=after.locked if after else (),
            added=tuple(added) if moves else (),
            upgraded=tuple(upgraded) if moves else (),
            removed=tuple(removed) if moves else (),
            target=after.generation if after else None,
        )

    def move(self, request: Moving, leases: dict[str, Lease]) -> tuple[str, Record]:
        """Carry a move out; return the name whose history tells of it, and the record that is now pointed at."""
        layout, name = self.store.layout, request.environment
        before, after = self._ends(request)
        target = after or before
        match request:
            case Undo() | Redo():
                self.store.switch(name, target.generation, leases[name])
            case Rename():
                self.store.move(
                    layout.environment(name), layout.environment(request.new_name), leases[request.new_name]
                )
                name = request.new_name
            case Delete():
                entry = layout.bin / housekeeping.bin_entry(name, leases[name].tag)
                self.store.move(layout.environment(name), entry, leases[name])
            case Restore():
                self.store.move(layout.bin / self._entry(request).entry, layout.environment(name), leases[name])
        return name, target

    def _ends(self, request: Moving) -> tuple[Record, Record | None]:
        store, name = self.store, request.environment
        if isinstance(request, Restore):
            found = self._entry(request)
            if store.exists(name):
                raise Conflict(f"There is already an environment called {name}.", hint="Rename that one first.")
            record = store.record((store.layout.bin / found.entry / "current").readlink().name)
            return record, record
        before = self._present(request)
        match request:
            case Undo():
                after = reading.undone(store, before)
                if after is None:
                    raise Conflict(f"There is nothing to undo in {name}.")
                return before, after
            case Redo():
                after = reading.redone(store, name, before)
                if after is None:
                    raise Conflict(f"There is nothing to redo in {name}.")
                return before, after
            case Rename():
                if store.exists(request.new_name):
                    raise Conflict(f"There is already an environment called {request.new_name}.")
                return before, before
            case Delete():
                return before, None

    def _present(self, request: Moving) -> Record:
        """Return the record of what is there; what cannot be read can still be deleted and renamed."""
        identifier = self.store.current(request.environment)
        try:
            return self.store.record(identifier)
        except NotFound:
            if isinstance(request, Undo | Redo):
                raise
            return self.unreadable(request.environment, identifier)

    def _entry(self, request: Restore) -> housekeeping.Binned:
        for item in housekeeping.binned(self.store.layout):
            if item.name == request.environment and request.entry in {None, item.entry}:
                return item
        raise NotFound(f"There is no deleted environment called {request.environment}.")
