"""What people said and keep: by which labels and rows policies decide, sealed otherwise."""
