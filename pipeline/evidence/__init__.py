"""Specialists: each looks at one trace of tampering in one picture, and says what it found."""
