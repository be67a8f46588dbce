"""The pages, one module for each. Every handler begins with ``site.visit``; sign-in is the one exception."""
