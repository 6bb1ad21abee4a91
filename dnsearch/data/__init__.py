"""Where images come from; split and batch them, all from one seed."""
