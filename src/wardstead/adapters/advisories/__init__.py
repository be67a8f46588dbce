"""Advisories on disk: what is imported, and where it is kept."""
