"""Which guards of a program an invariant needs: each alone, and every set of them."""
