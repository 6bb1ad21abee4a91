"""How good predictions are, and how sure that is: plain NumPy, from logits and labels to figures."""
