"""The same definitions in PyTorch, for many segments at once on the CPU or a GPU; only this needs torch.

One module per module of the parent package that computes something, with the same names. Constants and tables come
from there. Tensors have the segments along their first axis and the frames along their second; all segments of a
batch have one length.
"""
