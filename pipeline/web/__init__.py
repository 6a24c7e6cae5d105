"""The page in the browser: what is dropped on it, and what is shown of that."""
