"""Model files on this machine, for the supply room's parsers."""
