"""What people look at: figures as pictures, points for `dvc plots`, and a table for the terminal."""
