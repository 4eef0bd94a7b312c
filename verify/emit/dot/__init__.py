"""Systems of the IR as graphs for Graphviz: where threads go, and which states there are."""
