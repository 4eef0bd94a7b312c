-------------------------- MODULE MCPhilosophersPcal --------------------------
EXTENDS PhilosophersPcal, TLC

CONSTANTS one_cell, two_cell, three_cell, four_cell, five_cell, task1, task2

MCForkIds == <<one_cell, two_cell, three_cell, four_cell, five_cell>>
MCTaskIds == <<task1, task2>>

\* What cells are called makes no difference, but to those with a name in the source.
Symmetry == Permutations({task1, task2})
===============================================================================
