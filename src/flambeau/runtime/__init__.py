"""What generated code needs to run: machine code, threads, memory, BLAS, random numbers and devices."""
