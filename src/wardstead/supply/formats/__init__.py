"""One module for each format. None loads, renders or executes what it reads."""
