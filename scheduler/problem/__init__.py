"""Where the emission model meets the grid: the surface, the problem over it, its price, and the exact solvers."""
