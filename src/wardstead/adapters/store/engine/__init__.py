"""The databases: how each is opened, locked, kept whole on the disk and read at one moment."""
