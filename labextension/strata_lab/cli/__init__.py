"""The command ``strata``."""
