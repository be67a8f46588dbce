"""The ledger: the journal that workers write, the recorder, and what is read of it."""
