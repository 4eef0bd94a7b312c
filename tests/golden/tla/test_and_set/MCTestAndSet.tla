----------------------------- MODULE MCTestAndSet -----------------------------
EXTENDS TestAndSet, TLC

CONSTANTS task1, task2

MCTaskIds == <<task1, task2>>

\* What cells are called makes no difference, but to those with a name in the source.
Symmetry == Permutations({task1, task2})
===============================================================================
