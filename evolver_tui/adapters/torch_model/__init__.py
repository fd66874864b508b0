"""A small language model on approved nodes, by PyTorch."""
