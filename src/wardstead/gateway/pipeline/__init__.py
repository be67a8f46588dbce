"""The life of an exchange: pure steps from a request to a recorded answer. Yields commands; does no I/O."""
