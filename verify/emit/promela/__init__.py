"""Systems as Promela models, for Spin."""
