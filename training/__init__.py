"""Recipes that make the weights which ship with the product. Not part of the package; see README.md."""
