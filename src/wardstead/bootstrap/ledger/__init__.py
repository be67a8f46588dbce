"""The ledger, told to others and verified."""
