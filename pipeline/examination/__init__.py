"""What is shown of a picture beside its verdict: its file, its credentials, views, an original."""
