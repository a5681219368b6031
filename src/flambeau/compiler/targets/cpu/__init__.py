"""The CPU target: everything that knows about LLVM and vector registers."""
