"""Sandbox back-ends: start a launch plan on this machine."""
