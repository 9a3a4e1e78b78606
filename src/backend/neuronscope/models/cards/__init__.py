"""What a loaded model is made of, told: diagram, formulas, weights, tokenizer."""
