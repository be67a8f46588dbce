"""Backups: made, verified, restored."""
