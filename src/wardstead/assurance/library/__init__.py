"""What people keep here: collections of documents, and templates."""
