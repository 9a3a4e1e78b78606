"""Texts, and the index of each neuron's strongest contexts in them."""
