"""Processes: the supervisor of a running deployment."""
