"""What a search may try: its space, who proposes from it, and what is refused before it is trained."""
