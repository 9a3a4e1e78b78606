"""From a model's id or file to its weights in memory: sources, sizes, choices, reading."""
