"""What tests share: tiny random models and independent readings of their tensors."""
