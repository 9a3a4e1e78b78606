"""What a model computes, part by part: read off its modules and configuration, then checked against what it really did."""
