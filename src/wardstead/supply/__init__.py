"""Models from elsewhere: what their files hold, before anything loads them."""
