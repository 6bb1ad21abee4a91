"""Scripts that read an exported network as somebody without dnsearch would, one for each runtime.

Each is run as ``python SCRIPT FOLDER IMAGES RESULTS``, in a process of its own: it reads the exported folder
and the images of an ``.npy`` file, and writes ``logits`` and ``probabilities`` into an ``.npz`` file.
"""
