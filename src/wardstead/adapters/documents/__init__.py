"""Reads documents: parsers in a process of their own, in the sandbox."""
