"""Systems of the IR as C programs with POSIX threads, in the style of the competition on software verification."""
