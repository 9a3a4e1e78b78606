"""How the parts of a decoder are found and proved."""
