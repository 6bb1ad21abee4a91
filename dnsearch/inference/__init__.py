"""What a trained run can be asked: how good it is on images it has not seen, and what an image shows."""
