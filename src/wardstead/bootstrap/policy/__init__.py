"""Policies: put in force, asked, compared, replayed."""
