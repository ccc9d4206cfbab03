"""Fixtures; see the package."""
