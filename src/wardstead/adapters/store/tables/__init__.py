"""The tables, as SQLAlchemy Core has them. They register themselves with the one ``MetaData``."""
