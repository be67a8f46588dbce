"""What is destroyed: at somebody's wish, and when its days are over."""
