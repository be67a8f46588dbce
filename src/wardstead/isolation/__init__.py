"""Isolation: from a profile to a launch plan (data), and the probes that prove it from inside."""
