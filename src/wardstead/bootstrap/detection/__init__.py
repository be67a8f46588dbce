"""Detectors, wired to this deployment."""
