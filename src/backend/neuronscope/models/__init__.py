"""The one view of any Hugging Face decoder: where its parts are, how to load it, what it costs."""
