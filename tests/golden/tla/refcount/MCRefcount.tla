------------------------------ MODULE MCRefcount ------------------------------
EXTENDS Refcount, TLC

CONSTANTS object1, object2, task1, task2

MCObjectIds == <<object1, object2>>
MCTaskIds == <<task1, task2>>

\* What cells are called makes no difference, but to those with a name in the source.
Symmetry == Permutations({object1, object2}) \cup Permutations({task1, task2})
===============================================================================
