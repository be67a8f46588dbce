"""Review: what policy holds waits for a person, who releases or refuses it."""
