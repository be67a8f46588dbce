"""What people keep here: documents, templates, conversations, and what they share of them."""
