"""From recorded instructions to machine code."""
