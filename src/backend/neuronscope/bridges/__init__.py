"""Bridges to other programs: the LLMRI socket, and chat servers that give tokens and no activations."""
