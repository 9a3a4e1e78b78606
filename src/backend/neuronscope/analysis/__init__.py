"""Pure functions over arrays with declared parameters; never a model, never Flask."""
