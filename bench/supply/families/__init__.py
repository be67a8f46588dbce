"""One module for each family of files. Payloads are static: they name what an attack would call, and nobody runs them."""
