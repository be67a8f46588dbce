"""The directory: people, what they have, how they sign in, and who vouches for them."""
