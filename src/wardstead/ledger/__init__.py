"""The ledger: sealed entries, an append-only Merkle tree over them, signed checkpoints and proofs."""
