"""Crypto: envelopes, the key ring, signatures and the Merkle tree. The only room, adapters aside, that uses ``cryptography``."""
