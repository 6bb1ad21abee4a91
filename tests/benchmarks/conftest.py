"""The sides are programs: they prepare TensorFlow, or need PyTorch, as soon as they are imported."""

collect_ignore = ["ours.py", "stock_keras.py", "plain_torch.py"]
