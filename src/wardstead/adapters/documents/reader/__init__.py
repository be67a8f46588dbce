"""What runs inside the sandbox: parsers of hostile files. Stands alone: the standard library and parsers, nothing of Wardstead.

A parser that meets what it did not foresee ends the process; whoever waits for it says that the document cannot be read.
"""
