"""Assurance: what people do so that the rest can be relied on. Review is the first of its rooms."""
