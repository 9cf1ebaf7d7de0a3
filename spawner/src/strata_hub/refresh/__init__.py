"""Keeping the catalogue of each repository up to date, at the cost of what changed, and publishing complete states."""
