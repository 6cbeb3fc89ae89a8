"""The stages of a run on a Ray cluster: the same as the local pool runs, mapped by Ray Data."""
