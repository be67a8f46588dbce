"""Identity on this machine: password hashing, key material for credentials."""
