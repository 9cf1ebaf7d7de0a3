"""The distribution protocol's client: tag lists, manifests and config blobs of one registry, and nothing else."""

from .client import Examined, RegistryClient
from .credentials import Credentials, CredentialSource
from .settings import Limits, RegistrySettings

__all__ = ["CredentialSource", "Credentials", "Examined", "Limits", "RegistryClient", "RegistrySettings"]
