"""The database's history. Run by ``adapters.store.migrate``, never by hand."""
