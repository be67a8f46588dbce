"""Who there is: people, services, what they have, and who vouches for them."""
