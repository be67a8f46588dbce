"""Models that look at texts: each in processes of its own, which hold nothing else and can do nothing else."""
