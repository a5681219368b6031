"""Code generators, one folder a kind of device."""
