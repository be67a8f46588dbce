"""The console's services over a deployment."""
