"""Trained linear scores over a text: hashed character and word n-grams, meanings that stand near one another, its shape."""
