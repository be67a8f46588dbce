"""Wardstead makes a locally deployed language model safe to rely on."""

__version__ = "0.1.0"
