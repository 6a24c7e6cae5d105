"""Files written whole or not at all, and the lock that keeps a second writer away."""
