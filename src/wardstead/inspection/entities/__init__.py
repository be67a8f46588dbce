"""Who and what a text is about: people, organisations, places, medicine, and what else stands in prose. Whole texts only."""
