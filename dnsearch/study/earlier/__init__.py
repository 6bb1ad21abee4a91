"""What a study takes over: specs to try, another study's trials, its own after its spec was changed."""
