"""What a deployment knows of its own: dictionaries of its terms, its values (kept as keyed digests alone), its documents."""
