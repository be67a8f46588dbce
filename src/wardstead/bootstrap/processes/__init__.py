"""Its processes: started, watched, stopped, and what each of them is."""
