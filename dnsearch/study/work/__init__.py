"""One trial's work: what it is given, the child process that does it, how it ends and what is kept."""
