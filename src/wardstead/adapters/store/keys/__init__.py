"""Keys and what is sealed under them, and how both are destroyed."""
