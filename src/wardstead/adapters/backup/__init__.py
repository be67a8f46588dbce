"""Backups: one encrypted file each, and the keys that open them."""
