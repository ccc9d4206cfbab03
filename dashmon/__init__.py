"""Dashmon: monitoring for everything a team runs."""

__version__ = "0.1.0"
