"""The database: SQLAlchemy Core tables, migrations, the directory, the journal and the recorder's side of the ledger."""
