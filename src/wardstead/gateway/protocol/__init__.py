"""Dialects: bytes in, values out, and back. The canonical form in the middle is OpenAI's chat completion. No I/O."""
