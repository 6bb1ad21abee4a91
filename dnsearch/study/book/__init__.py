"""The study's book: its database, what is written there, and who may write now."""
