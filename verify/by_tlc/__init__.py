"""Systems and their claims checked by TLC, which shares no line with the engines here, and what both say compared."""
