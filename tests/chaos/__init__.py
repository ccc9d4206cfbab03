"""Kills, freezes and failing stores against a running installation, counted at its targets from outside."""
