"""The vocabulary of NeuronScope. Imports neither torch nor flask, nor any other room of the house."""
