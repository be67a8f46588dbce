"""How well things are found: personal data and secrets, by type and source, with peers in the same run."""
