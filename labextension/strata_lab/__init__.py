"""Pip and conda packages of a user's own on top of a lab image."""

__version__ = "0.1.0"
