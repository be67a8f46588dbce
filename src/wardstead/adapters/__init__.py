"""Adapters: what the rooms' ports are on this machine. Imported by ``bootstrap`` only."""
