"""The bill of materials of a model: what is known of it, written down in the standards' forms, and how much is missing."""
