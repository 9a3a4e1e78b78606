"""How the bundled model is made: tokenizer, packed rows, training, fine-tuning, card."""
