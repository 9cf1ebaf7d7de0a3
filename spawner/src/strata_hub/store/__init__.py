"""What is known of registries, kept across restarts: SQLite by default, PostgreSQL by URL."""

from .catalogue_store import CatalogueStore, Changes, Checked, Known, Repush
from .engine import open_store
from .worker import StoreWorker

__all__ = ["CatalogueStore", "Changes", "Checked", "Known", "Repush", "StoreWorker", "open_store"]
