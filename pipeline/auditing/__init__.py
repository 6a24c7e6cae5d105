"""What tells the label besides the tampering: shortcuts in files and pixels, leaks, mistaken labels."""
