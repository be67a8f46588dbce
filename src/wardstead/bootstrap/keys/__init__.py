"""The root key, the ledger's, and the local authority's."""
