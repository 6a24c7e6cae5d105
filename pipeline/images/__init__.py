"""Files of pictures and their pixels: found, read, hashed, and turned into one form under a policy."""
