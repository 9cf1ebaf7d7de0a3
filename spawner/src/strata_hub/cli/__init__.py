"""The command ``strata-hub``."""
